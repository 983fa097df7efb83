# Datapost in a container: docs/operations.md#docker tells how it is built, started and upgraded.
FROM python:3.13-slim

WORKDIR /datapost
COPY requirements.txt .
# Wheels alone: nothing is compiled, so there is no compiler to leave behind.
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
    --only-binary=:all: --require-hashes -r requirements.txt
COPY . .

# The number is fixed, so that a folder of the host can be given to it: chown 10001 leads
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin datapost \
    && install -d -o datapost -g datapost /data
USER 10001:10001
VOLUME /data

ENV HOST=0.0.0.0 PORT=8000 DATABASE_URL=sqlite:////data/datapost.db PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
# Longer than a database that has fallen silent keeps a request.
HEALTHCHECK --interval=30s --timeout=15s --start-period=60s CMD ["python", "-c", "import os; \
from urllib.request import ProxyHandler, build_opener; \
build_opener(ProxyHandler({})).open(f'http://127.0.0.1:{os.environ[\"PORT\"]}/health', timeout=12)"]
# As the Procfile says: first its release line, then its web line, which takes over and gets the signals.
CMD ["sh", "-c", "flask migrate && exec gunicorn"]
