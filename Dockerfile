# docker build -t ganzoo .
# What runs and caches write is in /work: docker run --rm -v "$PWD:/work" ganzoo run simgan --dataset eyes
# With NVIDIA GPUs:                       docker run --rm --gpus all -v "$PWD:/work" ganzoo run simgan --dataset eyes
ARG PYTHON=3.12
FROM python:${PYTHON}-slim
# The package index of a build of torch: PyTorch's page on installation lists those for CPUs, which are much smaller, and
# for each version of CUDA. Empty: the usual index, whose build for Linux brings the CUDA libraries and also runs on CPUs.
ARG TORCH_INDEX=
# Extras of pyproject.toml in brackets, such as EXTRAS=[onnx,tensorboard].
ARG EXTRAS=
RUN pip install --no-cache-dir ${TORCH_INDEX:+--index-url "${TORCH_INDEX}"} torch torchvision
COPY . /src
RUN pip install --no-cache-dir "/src${EXTRAS}" && rm -rf /src
ENV GANZOO_CACHE=/work/.ganzoo/cache GANZOO_DATA=/work/.ganzoo/data
WORKDIR /work
ENTRYPOINT ["ganzoo"]
CMD ["list"]
