# The collector with its embedded ClickHouse (linux/amd64, from npm); with CLICKHOUSE_URL it uses a server instead.
#   docker build -f deploy/docker/collector.Dockerfile -t driftline/collector .
FROM node:24-bookworm-slim AS packages
WORKDIR /driftline
COPY package.json package-lock.json .npmrc ./
COPY proto/package.json proto/
COPY policy/package.json policy/
COPY agent/package.json agent/
COPY collector/package.json collector/
COPY cli/package.json cli/
COPY test/package.json test/
RUN npm ci --omit=dev --ignore-scripts --workspace @driftline/collector --workspace driftline

FROM node:24-bookworm-slim
# For DRIFTLINE_GIT_REPOSITORIES_FILE: repositories over HTTPS and SSH, and signatures of both kinds.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates git gpg openssh-client \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /driftline
COPY --from=packages /driftline/node_modules node_modules
COPY package.json ./
COPY proto proto
COPY policy policy
COPY collector collector
COPY cli cli
ENV NODE_ENV=production \
    DRIFTLINE_DATA_DIR=/var/lib/driftline
# For `docker exec … driftline status`: npm makes no link to a program that is not there yet when it installs.
RUN ln -s /driftline/cli/bin/driftline.mjs /usr/local/bin/driftline
# Before VOLUME: a new volume takes the owner of the folder it covers.
RUN install -d -m 0700 -o 65532 -g 65532 /var/lib/driftline
USER 65532:65532
VOLUME /var/lib/driftline
ENTRYPOINT ["node", "collector/src/main.ts"]
