# ganzoo for CPUs:          docker build -t ganzoo .
# for NVIDIA GPUs:          docker build -t ganzoo:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu126 .
# what runs and caches write is in /work: docker run --rm -v "$PWD:/work" ganzoo run simgan --dataset eyes
# with GPUs:                docker run --rm --gpus all -v "$PWD:/work" ganzoo:cuda run simgan --dataset eyes
ARG PYTHON=3.12
FROM python:${PYTHON}-slim
# PyTorch's own index decides the build: its CUDA builds bring the CUDA libraries, so the image needs none of the system's.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Extras of pyproject.toml in brackets, such as EXTRAS=[onnx,tensorboard].
ARG EXTRAS=
RUN pip install --no-cache-dir --index-url "${TORCH_INDEX}" torch torchvision
COPY . /src
RUN pip install --no-cache-dir "/src${EXTRAS}" && rm -rf /src
ENV GANZOO_CACHE=/work/.ganzoo/cache GANZOO_DATA=/work/.ganzoo/data
WORKDIR /work
ENTRYPOINT ["ganzoo"]
CMD ["list"]
