# Two images from one file: `--target authserver` and `--target skill`. Each holds its own service and not the other,
# on the same hash-pinned dependencies, runs as uid 10001, and needs no writable file system but /tmp.
# `--target secrets` is the one-shot that fills the secret volumes of docker-compose.yml.

FROM python:3.13-slim AS dependencies
# for a package index of one's own: `--build-arg PIP_INDEX_URL=…`; without values they change nothing
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
# the environment has no pip of its own: nothing in the final image installs into it
RUN python -m venv --without-pip /venv
COPY requirements.txt /build/
RUN pip --python /venv/bin/python install --require-hashes --only-binary=:all: -r /build/requirements.txt

# The source stays at /app, with the migrations beside it as in a checkout. Byte code is compiled here, because the
# final file system is read-only; `unchecked-hash`, because a layer's time stamps mean nothing.
FROM dependencies AS build-authserver
WORKDIR /app
COPY pyproject.toml README.md ./
COPY authserver authserver
COPY alembic/authserver alembic/authserver
RUN pip --python /venv/bin/python install --no-deps --no-build-isolation -e . \
    && pip --python /venv/bin/python uninstall -q -y setuptools \
    && rm /venv/bin/skill \
    && python -m compileall -q --invalidation-mode unchecked-hash /app /venv

FROM dependencies AS build-skill
WORKDIR /app
COPY pyproject.toml README.md ./
COPY skill skill
COPY alembic/skill alembic/skill
RUN pip --python /venv/bin/python install --no-deps --no-build-isolation -e . \
    && pip --python /venv/bin/python uninstall -q -y setuptools \
    && rm /venv/bin/authserver \
    && python -m compileall -q --invalidation-mode unchecked-hash /app /venv

FROM python:3.13-slim AS runtime
ENV PATH=/venv/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin \
    PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
RUN groupadd --gid 10001 lampgate \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin lampgate
COPY --chmod=0755 deploy/ready.py /usr/local/bin/ready
WORKDIR /app
STOPSIGNAL SIGTERM

FROM runtime AS secrets
# volumes take the owner of the folder that they are first mounted on, so that the one-shot needs no root
RUN for reader in postgres mosquitto authserver skill; do install -d -o lampgate -g lampgate "/secrets/$reader"; done
COPY --chmod=0755 deploy/make_secrets.py /usr/local/bin/secrets
USER 10001:10001
ENTRYPOINT ["secrets"]

FROM runtime AS authserver
COPY --from=build-authserver /venv /venv
COPY --from=build-authserver /app /app
COPY deploy/demo_authserver.py deploy/
USER 10001:10001
ENV AUTHSERVER_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["ready", "8000"]
ENTRYPOINT ["authserver"]
CMD ["serve"]

FROM runtime AS skill
COPY --from=build-skill /venv /venv
COPY --from=build-skill /app /app
COPY deploy/start_skill.py deploy/
USER 10001:10001
ENV SKILL_HOST=0.0.0.0
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["ready", "8001"]
ENTRYPOINT ["skill"]
CMD ["serve"]
