# The agent. Build from the root of the checkout:
#   docker build -f deploy/docker/agent.Dockerfile -t driftline/agent .
FROM node:24-bookworm-slim AS packages
WORKDIR /driftline
COPY package.json package-lock.json .npmrc ./
COPY proto/package.json proto/
COPY policy/package.json policy/
COPY agent/package.json agent/
COPY collector/package.json collector/
COPY cli/package.json cli/
COPY test/package.json test/
RUN npm ci --omit=dev --omit=optional --ignore-scripts --workspace @driftline/agent
# A checkout runs its TypeScript as it is. Here the types are taken off once: a process that does it itself keeps a
# compiler in memory.
COPY proto proto
COPY agent agent
RUN node agent/build.mjs /plain

FROM node:24-bookworm-slim
WORKDIR /driftline
COPY --from=packages /driftline/node_modules node_modules
COPY package.json ./
COPY --from=packages /plain/proto proto
COPY --from=packages /plain/agent agent
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/driftline/.compile-cache \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=65536 \
    MALLOC_TRIM_THRESHOLD_=131072 \
    DRIFTLINE_AGENT_STATE_DIR=/var/lib/driftline
RUN install -d -o 65532 -g 65532 .compile-cache /var/lib/driftline
USER 65532:65532
# Code is compiled once, here, with the flags it will run with: Node takes no cache that was made with others. By the user
# who runs it, because Node keeps one cache for each user and never looks into another's.
RUN node --expose-gc --max-semi-space-size=4 --max-old-space-size=128 agent/src/main.js --help >/dev/null
# A heap that is collected early instead of one that grows: what the agent knows lives in SQLite, not in objects. With
# --expose-gc the agent itself lets V8 give back what a list or a burst took, and the allocator's settings (above) make
# the C library do so: left alone, both keep most of it. A young generation of 4 MiB is collected
# a quarter as often as one of 1, and the agent at rest is no larger for it.
ENTRYPOINT ["node", "--expose-gc", "--max-semi-space-size=4", "--max-old-space-size=128", "agent/src/main.js"]
