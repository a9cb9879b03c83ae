"""Every error that a user can cause. The command line prints each as one sentence, without a traceback."""

LONGEST = 1500  # characters: an error is a sentence, not a copy of the file that it names


class GanzooError(Exception):
    """Base of all errors that ganzoo raises on purpose.

    As text it is one line without control characters, whatever names and values from files are in it.
    """

    exit_code = 1

    def __str__(self) -> str:
        text = printable(super().__str__())
        return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} ... {text[-LONGEST // 2 :]}"


class PluginError(GanzooError):
    """A plugin breaks its contract."""


class UsageError(GanzooError):
    """An argument or option is invalid."""

    exit_code = 2


class UnsuitableError(UsageError):
    """A method cannot work on the given data."""


class UnknownNameError(UsageError):
    """No plugin of that kind has that name."""


class ConfigError(UsageError):
    """A setting is unknown, out of range, or contradicts another."""


class DatasetError(GanzooError):
    """A dataset is absent, unreadable, or its labels do not fit its images."""


class CheckpointError(GanzooError):
    """A checkpoint is missing, damaged, or of another run."""


class DivergenceError(GanzooError):
    """A loss term or a weight stopped being finite."""


class CollapseError(GanzooError):
    """A warning persisted until --stop-on-collapse ended the run."""


class NotEnoughMemoryError(GanzooError):
    """The host or the device has too little memory."""


class LostProcessError(GanzooError):
    """Another process of a distributed run ended."""


class InUseError(GanzooError):
    """Another process works on a folder."""


class EngineError(GanzooError):
    """An engine cannot be reached, or refuses a job."""


class MetricUnavailableError(GanzooError):
    """A metric cannot be measured. The score is left out, with this message as the reason."""


class CriterionUnavailableError(GanzooError):
    """A criterion says nothing about a run. The message is the reason."""


class WeightsUnavailableError(MetricUnavailableError):
    """A file of pretrained weights is missing. The message says how to get it."""


def printable(text: str) -> str:
    """Text from a file as one line without control characters; these are escaped as in Python."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


class InterruptedRunError(KeyboardInterrupt):
    """A signal asked the run to stop. It is not an error, so error handlers must not catch it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code
