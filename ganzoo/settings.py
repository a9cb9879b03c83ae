"""The base of every plugin's Config."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen settings with defaults; an unknown key is an error.

    Every field is `Field(default, ge=..., description=...)`. Each becomes a command-line option
    and a key in TOML, so its description is a sentence that a user reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, ser_json_inf_nan="constants")
