# syntax=docker/dockerfile:1
# One image, three ways to start it: docker build --target api | worker | migrate .
ARG NODE_VERSION=26
FROM node:${NODE_VERSION}-trixie-slim AS base
WORKDIR /app

# Only what decides which packages are installed, so that a change of source leaves the installed layers alone.
FROM base AS manifests
COPY package.json package-lock.json .npmrc ./
COPY packages/contracts/package.json packages/contracts/
COPY packages/platform/package.json packages/platform/
COPY services/auth-api/package.json services/auth-api/
COPY services/worker/package.json services/worker/
ENV WORKSPACES="--workspace=@latchkey/contracts --workspace=@latchkey/platform --workspace=@latchkey/auth-api --workspace=@latchkey/worker"

# Install scripts stay off: no package needs one here, and argon2 is compiled below.
FROM manifests AS build
RUN npm ci --ignore-scripts --include-workspace-root $WORKSPACES
COPY tsconfig.base.json ./
COPY packages/contracts packages/contracts
COPY packages/platform packages/platform
COPY services services
RUN npx tsc -b services/auth-api services/worker \
  && mkdir /built && find packages services -path '*/dist/*' -name '*.js' -exec cp --parents {} /built \;

FROM manifests AS dependencies
RUN npm ci --ignore-scripts --omit=dev $WORKSPACES

# The package's own binary is for any x86-64; with AVX2 a password hash takes half the time. Empty: keep the package's binary.
# Tried out here and now, because a processor without AVX2 would otherwise stop at the first sign-in.
FROM dependencies AS argon2
ARG ARGON2_MARCH=x86-64-v3
RUN apt-get update && apt-get install --yes --no-install-recommends g++ make python3
RUN if [ -n "$ARGON2_MARCH" ] && [ "$(uname -m)" = x86_64 ]; then \
    export CFLAGS="-O3 -march=$ARGON2_MARCH" CXXFLAGS="-O3 -march=$ARGON2_MARCH" \
    && cd node_modules/argon2 \
    && "$(npm root --global)/npm/node_modules/node-gyp/bin/node-gyp.js" rebuild --nodedir=/usr/local \
    && find build -type f ! -path build/Release/argon2.node -delete \
    && cd /app; \
  fi \
  && { node -e "require('argon2').hash('a password')" \
    || { echo "This processor cannot run argon2 for '$ARGON2_MARCH': build with --build-arg ARGON2_MARCH=" >&2; exit 1; }; }

FROM base AS runtime
# Nothing in here installs anything again.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn*
COPY --from=argon2 /app ./
COPY --from=build /built ./
COPY migrations migrations
COPY services/auth-api/lists services/auth-api/lists
COPY services/auth-api/pages services/auth-api/pages
COPY services/worker/templates services/worker/templates
ENV NODE_ENV=production HOST=0.0.0.0
# A number, so that an orchestrator can see that it is not root.
USER 1000:1000

FROM runtime AS migrate
CMD ["node", "packages/platform/dist/database/migrate-command.js"]

FROM runtime AS worker
# pg_dump and pg_restore for backups, from where PostgreSQL's own image has its packages: one that is older than the server refuses it.
USER root
COPY --from=postgres:18-trixie /usr/local/share/keyrings/postgres.gpg.asc /usr/local/share/keyrings/
COPY --from=postgres:18-trixie /etc/apt/sources.list.d/pgdg.list /etc/apt/sources.list.d/
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client-18 && rm -rf /var/lib/apt/lists/*
USER 1000:1000
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.WORKER_PORT ?? 8001) + '/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=4", "services/worker/dist/main.js"]

FROM runtime AS api
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --start-interval=1s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT ?? 8000) + '/health').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "--max-semi-space-size=4", "services/auth-api/dist/server.js"]
