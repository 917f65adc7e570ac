# The image of the compose stack: the services, the load generator and the command line. It is built for the machine it
# is built on; nothing in it is for x86-64 or arm64 alone. There is no `syntax` line, so no front end is pulled.
ARG PYTHON_IMAGE=python:3.13.11-slim-bookworm
# with a compiler, for what has no wheel for a machine (hdrhistogram for arm64)
ARG BUILD_IMAGE=python:3.13.11-bookworm

FROM ${BUILD_IMAGE} AS build
ARG UV_VERSION=0.13.9
ARG EXTRAS="--extra live"
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_NO_CACHE=1 UV_PROJECT_ENVIRONMENT=/opt/stormlab UV_PYTHON_DOWNLOADS=never
RUN python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir "uv==${UV_VERSION}"
WORKDIR /build
COPY pyproject.toml uv.lock ./
# what others wrote changes seldom: a layer of its own, without their tests
# hadolint ignore=SC2086
RUN /opt/uv/bin/uv sync --locked --no-dev --no-install-project ${EXTRAS} \
    && find /opt/stormlab/lib -type d -name tests -prune -exec rm -r {} +
COPY LICENSE README.md ./
COPY src src
# hadolint ignore=SC2086
RUN /opt/uv/bin/uv sync --locked --no-dev --no-editable ${EXTRAS}

FROM ${PYTHON_IMAGE} AS lab
# the user comes without a home; the folders are where volumes take their owner from
RUN useradd --no-create-home --shell /usr/sbin/nologin --uid 10001 stormlab \
    && mkdir -p /app/runs /secrets/database /secrets/grafana \
    && chown stormlab: /app/runs /secrets/database /secrets/grafana
COPY --from=build /opt/stormlab /opt/stormlab
COPY deploy/docker/healthy deploy/docker/make-secrets /usr/local/bin/
WORKDIR /app
COPY services services
COPY loadtests loadtests
ENV HOME=/tmp MPLCONFIGDIR=/tmp NUMBA_CACHE_DIR=/tmp PATH=/opt/stormlab/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1
RUN python3 -m compileall -q services loadtests
USER 10001:10001
CMD ["stormlab", "--help"]
