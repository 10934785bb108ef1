/**
 * The gRPC end of the uplink. A stream's life: credential → Hello → claim of the cluster → Welcome → batches and
 * heartbeats (session.ts) → end. Refusals are frames with a code and a sentence; nothing of a refused stream is
 * published.
 *
 * One agent per cluster: a stream of the same epoch takes over from the one before it (a reconnect: the old one may be
 * half open), one of another epoch is refused while the first is alive.
 */
import * as grpc from '@grpc/grpc-js';
import {
  agentFrame,
  collectorFrame,
  maxFrameBytes,
  protocolVersion,
  refused,
  uplinkServicePath,
} from '@driftline/proto';
import type { AgentFrame, CollectorFrame, Hello, RefusalCode } from '@driftline/proto';
import type { Logger } from 'pino';
import type { BusWriter, Feedback } from '../bus/bus.ts';
import { collectorEpoch } from '../cluster-memory.ts';
import { logEvents } from '../log-events.ts';
import type { CollectorMetrics } from '../metrics.ts';
import type { StreamId } from '../timeline/rows.ts';
import type { IngestLimits } from './limits.ts';
import { identify } from './peer-identity.ts';
import { serverCredentials } from './server-credentials.ts';
import type { GatewayListen } from './server-credentials.ts';
import { Session } from './session.ts';
import type { LiveSession, SessionDeps } from './session.ts';
import type { Credential, TokenBook } from './tokens.ts';

export type GatewayDeps = {
  readonly listen: GatewayListen;
  readonly tokens: TokenBook;
  readonly bus: BusWriter;
  readonly watermark: (stream: StreamId) => Promise<number>;
  readonly limits: IngestLimits;
  readonly metrics: CollectorMetrics;
  readonly logger: Logger;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** An agent was welcomed; must not throw. */
  readonly onSession?: (session: LiveSession) => void;
};

export type Gateway = {
  /** host:port it listens on. */
  readonly address: string;
  readonly port: number;
  liveSessions(): readonly LiveSession[];
  /** Tells every agent to come back later, then stops. */
  close(): Promise<void>;
};

type Call = grpc.ServerDuplexStream<Buffer, Buffer>;

/** What a gateway waits for open streams when it closes. */
const closeGraceMs = 2_000;

const epochPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const passThrough = (bytes: Buffer): Buffer => bytes;

const service: grpc.ServiceDefinition = {
  Stream: {
    path: uplinkServicePath,
    requestStream: true,
    responseStream: true,
    // Frames are decoded by hand, so that a bad one is a refusal and not a dead call.
    requestSerialize: passThrough,
    requestDeserialize: passThrough,
    responseSerialize: passThrough,
    responseDeserialize: passThrough,
  },
};

const keyOf = ({ tenant, cluster }: { readonly tenant: string; readonly cluster: string }): string =>
  `${tenant}\n${cluster}`;

type Fault = { readonly code: RefusalCode; readonly message: string };

/** Towards one peer before it has a session. */
type Out = {
  readonly write: (frame: CollectorFrame) => boolean;
  readonly refuse: (code: RefusalCode, message: string) => void;
};

/** What is wrong with a Hello, before anything is looked up. */
const helloFault = (hello: Hello): Fault | undefined => {
  if (hello.protocol !== protocolVersion)
    return {
      code: 'protocol-version',
      message: `the agent speaks protocol ${hello.protocol}, this collector ${protocolVersion}`,
    };
  if (!epochPattern.test(hello.epoch) || hello.epoch === collectorEpoch)
    return { code: 'protocol-violation', message: 'the epoch is not a usable name' };
  if (hello.firstSequence > hello.lastSequence)
    return { code: 'protocol-violation', message: 'the first sequence lies behind the last' };
  return undefined;
};

class GrpcGateway {
  readonly #deps: GatewayDeps;
  readonly #sessions = new Map<string, Session>();
  readonly #clusterUids = new Map<string, string>();
  readonly #calls = new Set<Call>();
  readonly #sweep: NodeJS.Timeout;
  readonly #sessionDeps: SessionDeps;
  #inFlightBytes = 0;
  #isPaused = false;
  #isClosing = false;

  constructor(deps: GatewayDeps) {
    this.#deps = deps;
    this.#sessionDeps = {
      limits: deps.limits,
      now: deps.now,
      publish: (batch) => deps.bus.publish(batch),
      watermark: deps.watermark,
      onInFlight: (bytes) => this.#countInFlight(bytes),
      onResend: () => deps.metrics.resends.inc(),
    };
    this.#sweep = setInterval(() => this.#inspect(), Math.max(250, deps.limits.heartbeatIntervalMs / 4));
    this.#sweep.unref();
  }

  sessions(): readonly LiveSession[] {
    return [...this.#sessions.values()].filter((session) => !session.isClosed).map((session) => session.live());
  }

  feedback(feedback: Feedback): void {
    const session = this.#sessions.get(keyOf(feedback.stream));
    if (session?.stream.epoch === feedback.stream.epoch) session.feedback(feedback);
  }

  /** A new stream. */
  accept(call: Call): void {
    this.#calls.add(call);
    if (this.#isPaused) call.pause();
    const write = (frame: CollectorFrame): boolean => {
      if (call.writableEnded || call.destroyed) return true;
      return call.write(Buffer.from(collectorFrame.encode(frame)));
    };
    const refuse = (code: RefusalCode, message: string): void => {
      this.#deps.metrics.refused.inc({ code });
      this.#deps.logger.warn({ event: logEvents.sessionRefused, peer: call.getPeer(), code, message });
      write(refused(code, message));
      call.end();
    };
    if (this.#isClosing) return refuse('shutting-down', 'the collector is stopping');
    const identity = identify(call.metadata, subjectAltNameOf(call), this.#deps.tokens);
    if (identity.type === 'unknown') return refuse(identity.code, identity.message);
    this.#follow(call, identity.credential, { write, refuse });
  }

  #follow(call: Call, credential: Credential, out: Out): void {
    let session: Session | undefined;
    let hasHello = false;
    const helloTimer = setTimeout(() => {
      if (!hasHello) out.refuse('protocol-violation', 'no Hello came');
    }, this.#deps.limits.helloTimeoutMs);
    helloTimer.unref();
    const gone = (): void => {
      clearTimeout(helloTimer);
      this.#calls.delete(call);
      if (session !== undefined) this.#leave(session);
    };
    call.on('data', (bytes: Buffer) => {
      const frame = readFrame(bytes);
      if (frame === undefined) return (session ?? out).refuse('undecodable', 'a frame is not valid');
      if (frame.type === 'hello') {
        if (hasHello) return (session ?? out).refuse('protocol-violation', 'a second Hello');
        hasHello = true;
        void this.#welcome(call, credential, frame, out).then((opened): void => {
          session = opened;
          if (call.cancelled && opened !== undefined) this.#leave(opened);
          if (!this.#isPaused) call.resume();
          return undefined;
        });
        return;
      }
      if (call.writableEnded) return;
      if (session === undefined) return out.refuse('protocol-violation', 'the first frame must be a Hello');
      this.#receive(session, frame);
    });
    call.on('drain', () => session?.drained());
    call.on('cancelled', gone);
    call.on('error', gone);
    call.on('close', gone);
    call.on('end', () => {
      gone();
      call.end();
    });
  }

  #receive(session: Session, frame: Exclude<AgentFrame, Hello>): void {
    if (frame.type === 'heartbeat') return session.heartbeat(frame);
    this.#deps.metrics.receivedBatches.inc();
    this.#deps.metrics.receivedBytes.inc(frame.batch.payload.byteLength);
    session.batch(frame.batch);
  }

  /** A credential belongs to the first cluster that used it since this process began. */
  #mismatch(stream: StreamId, { clusterUid }: Hello): Fault | undefined {
    if (clusterUid === '') return undefined;
    const bound = this.#clusterUids.get(keyOf(stream)) ?? clusterUid;
    this.#clusterUids.set(keyOf(stream), bound);
    if (bound === clusterUid) return undefined;
    return { code: 'cluster-mismatch', message: `the credential of ${stream.cluster} is in use by another cluster` };
  }

  /** Claims the cluster, then looks up where the stream was left. The claim comes first: it is what two agents race for. */
  async #welcome(call: Call, credential: Credential, hello: Hello, out: Out): Promise<Session | undefined> {
    const { tenant, cluster } = credential;
    const stream: StreamId = { tenant, cluster, epoch: hello.epoch };
    const fault = helloFault(hello) ?? this.#mismatch(stream, hello);
    if (fault !== undefined) {
      out.refuse(fault.code, fault.message);
      return undefined;
    }
    const before = this.#sessions.get(keyOf(stream));
    if (before !== undefined && before.stream.epoch !== hello.epoch && before.isAlive(this.#deps.now())) {
      out.refuse('already-claimed', `another agent sends the stream of cluster ${cluster}`);
      return undefined;
    }
    const end = (): void => {
      call.end();
    };
    const session = new Session(this.#sessionDeps, { stream, hello, peer: call.getPeer(), write: out.write, end });
    this.#sessions.set(keyOf(stream), session);
    call.pause();
    if (before !== undefined) {
      this.#deps.logger.info({ event: logEvents.sessionSuperseded, ...before.stream });
      before.close();
      await before.settled();
    }
    // An agent that learns that more is recorded than it ever had begins a new epoch: the Welcome tells it.
    const recorded = await this.#watermark(stream);
    if (recorded === undefined) return this.#giveUp(session, 'overloaded', 'the timeline cannot be read now');
    if (session.isClosed) return undefined;
    session.welcome(recorded);
    this.#deps.metrics.sessions.set(this.#sessions.size);
    this.#deps.onSession?.(session.live());
    const { epoch, instance, agentVersion } = hello;
    this.#deps.logger.info({
      event: logEvents.sessionOpened,
      tenant,
      cluster,
      epoch,
      instance,
      agentVersion,
      recorded,
    });
    return session;
  }

  #giveUp(session: Session, code: RefusalCode, message: string): undefined {
    this.#deps.metrics.refused.inc({ code });
    this.#deps.logger.warn({ event: logEvents.sessionRefused, ...session.stream, code, message });
    session.refuse(code, message);
    this.#leave(session);
    return undefined;
  }

  async #watermark(stream: StreamId): Promise<number | undefined> {
    try {
      return await this.#deps.watermark(stream);
    } catch {
      return undefined;
    }
  }

  #leave(session: Session): void {
    session.close();
    const key = keyOf(session.stream);
    if (this.#sessions.get(key) !== session) return;
    this.#sessions.delete(key);
    this.#deps.metrics.sessions.set(this.#sessions.size);
    this.#deps.logger.info({ event: logEvents.sessionClosed, ...session.stream });
  }

  #inspect(): void {
    const nowMs = this.#deps.now();
    for (const session of this.#sessions.values()) {
      session.inspect(nowMs);
      if (session.isClosed) this.#leave(session);
    }
  }

  /** The bound over all streams: sockets are not read while too much waits for the bus. */
  #countInFlight(bytes: number): void {
    this.#inFlightBytes += bytes;
    const { ingestBytes } = this.#deps.limits;
    if (!this.#isPaused && this.#inFlightBytes > ingestBytes) {
      this.#isPaused = true;
      for (const call of this.#calls) call.pause();
    } else if (this.#isPaused && this.#inFlightBytes <= ingestBytes / 2) {
      this.#isPaused = false;
      for (const call of this.#calls) call.resume();
    }
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#sweep);
    const sessions = [...this.#sessions.values()];
    for (const session of sessions) session.refuse('shutting-down', 'the collector is stopping');
    await Promise.all(sessions.map((session) => session.settled()));
  }
}

const readFrame = (bytes: Buffer): AgentFrame | undefined => {
  try {
    return agentFrame.decode(bytes);
  } catch {
    return undefined;
  }
};

const subjectAltNameOf = (call: Call): string | undefined => {
  const { sslPeerCertificate } = call.getAuthContext();
  return sslPeerCertificate?.subjectaltname;
};

const bind = (server: grpc.Server, address: string, credentials: grpc.ServerCredentials): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
  });

const stop = async (server: grpc.Server): Promise<void> => {
  const stopped = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    server.forceShutdown();
    stopped.resolve();
  }, closeGraceMs);
  server.tryShutdown(() => stopped.resolve());
  await stopped.promise;
  clearTimeout(timer);
};

export const openGateway = async (deps: GatewayDeps): Promise<Gateway> => {
  const { listen, logger, limits } = deps;
  const credentials = serverCredentials(listen);
  const gateway = new GrpcGateway(deps);
  const server = new grpc.Server({
    'grpc.max_receive_message_length': maxFrameBytes,
    'grpc.max_send_message_length': maxFrameBytes,
    'grpc.keepalive_time_ms': limits.heartbeatIntervalMs,
    'grpc.keepalive_timeout_ms': limits.heartbeatIntervalMs,
  });
  server.addService(service, { Stream: (call: Call) => gateway.accept(call) });
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  const port = await bind(server, `${host}:${listen.port}`, credentials);
  const unsubscribe = deps.bus.onFeedback((feedback) => gateway.feedback(feedback));
  const address = `${host}:${port}`;
  logger.info({ event: logEvents.gatewayListening, address, tls: listen.tls !== undefined });
  return {
    address,
    port,
    liveSessions: () => gateway.sessions(),
    async close() {
      await gateway.close();
      unsubscribe();
      await stop(server);
    },
  };
};
