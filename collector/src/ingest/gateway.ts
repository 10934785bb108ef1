/**
 * The gRPC end of the uplink. A stream's life: credential → Hello → binding and claim of the cluster → Welcome → batches
 * and heartbeats (session.ts) → end. Refusals are frames with a code and a sentence; of a refused stream nothing is
 * published or recorded, it leaves a count and a log line.
 *
 * One Kubernetes cluster per name: cluster-binding.ts. One agent per cluster: a stream of the same epoch takes over from
 * the one before it (a reconnect: the old one may be half open), one of another epoch is refused while the first is
 * alive, here or, in a fleet, at another gateway.
 */
import { agentFrame, collectorFrame } from '@driftline/proto';
import type { AgentFrame, CollectorFrame, Hello } from '@driftline/proto';
import type { Logger } from 'pino';
import type { BusWriter, Feedback } from '../bus/bus.ts';
import { logEvents } from '../log-events.ts';
import type { CollectorMetrics } from '../metrics.ts';
import type { ClusterBinding, ClusterBindings, NewBinding } from '../timeline/bindings/cluster-bindings.ts';
import type { ClusterClaims } from '../timeline/bindings/cluster-claims.ts';
import type { StreamId } from '../timeline/rows.ts';
import { AdmissionGate } from './admission-gate.ts';
import { judgeBinding } from './cluster-binding.ts';
import type { BindingVerdict, KnownBinding } from './cluster-binding.ts';
import { helloFault } from './hello-fault.ts';
import type { IngestLimits } from './limits.ts';
import { identify } from './peer-identity.ts';
import { adviceOn, refusalFrame } from './refusal.ts';
import type { Refusal } from './refusal.ts';
import type { GatewayListen } from './server-credentials.ts';
import { oldestSequenceOf, Session } from './session.ts';
import type { LiveSession, SessionDeps } from './session.ts';
import type { Credential, TokenBook } from './tokens.ts';
import { openUplinkServer } from './uplink-server.ts';
import type { Call } from './uplink-server.ts';

export type GatewayDeps = {
  readonly listen: GatewayListen;
  readonly tokens: TokenBook;
  readonly bus: BusWriter;
  readonly watermark: (stream: StreamId) => Promise<number>;
  /** See Pipeline.settle; undefined where the pipeline is another process. */
  readonly settle?: ((stream: StreamId, oldestSequence: number) => Promise<void>) | undefined;
  readonly bindings: Pick<ClusterBindings, 'find' | 'bind'>;
  /** Of all gateways of a fleet; undefined when this is the only one. */
  readonly openClaims?: ((onLost: (stream: StreamId) => void) => ClusterClaims) | undefined;
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

const keyOf = ({ tenant, cluster }: { readonly tenant: string; readonly cluster: string }): string =>
  `${tenant}\n${cluster}`;

/** Towards one peer before it has a session. */
type Out = {
  readonly write: (frame: CollectorFrame) => boolean;
  readonly refuse: (refusal: Refusal, about?: object) => void;
};

type Binding = { readonly verdict: BindingVerdict; readonly recorded: ClusterBinding | undefined };

class GrpcGateway {
  readonly #deps: GatewayDeps;
  readonly #sessions = new Map<string, Session>();
  readonly #claims: ClusterClaims | undefined;
  readonly #calls = new Set<Call>();
  readonly #sweep: NodeJS.Timeout;
  readonly #sessionDeps: SessionDeps;
  readonly #gate: AdmissionGate;
  #inFlightBytes = 0;
  #isPaused = false;
  /** Of the tokens that open streams were last held against. */
  #edition: number;
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
    this.#edition = deps.tokens.edition();
    const onDelay = (limit: string): void => deps.metrics.admissionsDelayed.inc({ limit });
    this.#gate = new AdmissionGate(deps.limits, Math.random, onDelay);
    this.#claims = deps.openClaims?.((stream) => this.#claimLost(stream));
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
    const refuse = (refusal: Refusal, about: object = {}): void => {
      this.#sayRefused(refusal, { peer: call.getPeer(), ...about });
      write(refusalFrame(refusal));
      call.end();
    };
    if (this.#isClosing) return refuse(stopping);
    const identity = identify(call.metadata, subjectAltNameOf(call), this.#deps.tokens);
    if (identity.type === 'unknown') return refuse(identity);
    this.#follow(call, identity.credential, { write, refuse });
  }

  #follow(call: Call, credential: Credential, out: Out): void {
    let session: Session | undefined;
    let hasHello = false;
    let isGone = false;
    const violate = (message: string): void => {
      if (session === undefined) out.refuse({ code: 'protocol-violation', message }, credential);
      else session.refuse('protocol-violation', message);
    };
    const helloTimer = setTimeout(() => {
      if (!hasHello) violate('no Hello came');
    }, this.#deps.limits.helloTimeoutMs);
    helloTimer.unref();
    const gone = (): void => {
      isGone = true;
      clearTimeout(helloTimer);
      this.#calls.delete(call);
      if (session !== undefined) this.#leave(session);
    };
    call.on('data', (bytes: Buffer) => {
      const frame = readFrame(bytes);
      if (frame === undefined) {
        const message = 'a frame is not valid';
        if (session === undefined) return out.refuse({ code: 'undecodable', message }, credential);
        return session.refuse('undecodable', message);
      }
      if (frame.type === 'hello') {
        if (hasHello) return violate('a second Hello');
        hasHello = true;
        // Nothing more is read until it is decided whether there is a session.
        call.pause();
        void this.#welcome(call, credential, frame, out).then((opened): void => {
          session = opened;
          if (isGone && opened !== undefined) this.#leave(opened);
          if (!this.#isPaused) call.resume();
          return undefined;
        });
        return;
      }
      if (call.writableEnded) return;
      if (session === undefined) return violate('the first frame must be a Hello');
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

  /**
   * Whether the agent's cluster is the one that the name stands for comes first, then the claim: it is what two agents
   * race for. A name is bound last, when nothing else can refuse the stream any more.
   */
  async #welcome(call: Call, credential: Credential, hello: Hello, out: Out): Promise<Session | undefined> {
    const { tenant, cluster } = credential;
    const { epoch, instance, clusterUid } = hello;
    const stream: StreamId = { tenant, cluster, epoch };
    const refuse = (refusal: Refusal): undefined => {
      out.refuse(refusal, { ...stream, instance, clusterUid });
    };
    const fault = helloFault(hello) ?? this.#gate.refusal(stream, this.#sessions.size, this.#deps.now());
    if (fault !== undefined) return refuse(fault);
    const binding = await this.#binding(stream, hello);
    if (binding === undefined) return refuse(unreadable);
    if (binding.verdict.type === 'refused') return refuse(binding.verdict.refusal);
    if (this.#isClosing) return refuse(stopping);
    const before = this.#sessions.get(keyOf(stream));
    if (before !== undefined && before.stream.epoch !== epoch && before.isAlive(this.#deps.now()))
      return refuse(this.#alreadyClaimed(stream, before.live().hello));
    const end = (): void => {
      call.end();
    };
    const isEntitled = (): boolean => {
      const identity = identify(call.metadata, subjectAltNameOf(call), this.#deps.tokens);
      return (
        identity.type === 'known' && identity.credential.tenant === tenant && identity.credential.cluster === cluster
      );
    };
    const start = { stream, hello, peer: call.getPeer(), isEntitled, write: out.write, end };
    const session = new Session(this.#sessionDeps, start);
    this.#sessions.set(keyOf(stream), session);
    if (before !== undefined) await this.#supersede(before, stream);
    return this.#admit(session, hello, binding);
  }

  #alreadyClaimed({ cluster }: StreamId, holder: { readonly epoch: string; readonly instance: string }): Refusal {
    return {
      code: 'already-claimed',
      message: `another agent sends the stream of cluster ${cluster}`,
      advice: `instance ${holder.instance} with epoch ${holder.epoch} holds it: stop one of the two`,
      retryAfterMs: this.#deps.limits.claimRetryMs,
    };
  }

  /** Everything that is looked up or told to other gateways once the cluster is this session's here. */
  async #admit(session: Session, hello: Hello, { verdict, recorded }: Binding): Promise<Session | undefined> {
    const { stream } = session;
    const { epoch, instance, clusterUid, agentVersion } = hello;
    let recordedSequence: number;
    try {
      const claim = await this.#claims?.take(stream, instance);
      if (claim?.type === 'held') return this.#giveUp(session, this.#alreadyClaimed(stream, claim));
      // An agent that learns that more is recorded than it ever had begins a new epoch: the Welcome tells it.
      recordedSequence = await this.#deps.watermark(stream);
      const oldestSequence = oldestSequenceOf(hello);
      if (this.#deps.settle !== undefined && oldestSequence > recordedSequence + 1) {
        await this.#deps.settle(stream, oldestSequence);
        recordedSequence = await this.#deps.watermark(stream);
      }
      if (session.isClosed) return undefined;
      if (verdict.type === 'bind') {
        const made = { clusterUid, cause: verdict.cause, epoch, instance, boundAtUs: this.#deps.now() * 1000 };
        const now = judgeBinding(stream, await this.#bind(stream, recorded, made), hello);
        if (now.type === 'refused') return this.#giveUp(session, now.refusal);
      }
    } catch {
      return this.#giveUp(session, unreadable);
    }
    if (session.isClosed) return undefined;
    session.welcome(recordedSequence);
    this.#deps.metrics.sessions.set(this.#sessions.size);
    this.#deps.onSession?.(session.live());
    const opened = { ...stream, instance, agentVersion, recorded: recordedSequence };
    this.#deps.logger.info({ event: logEvents.sessionOpened, ...opened });
    return session;
  }

  /** undefined: the timeline cannot be read. */
  async #binding(stream: StreamId, hello: Hello): Promise<Binding | undefined> {
    const declaredUid = this.#deps.tokens.clusterUid(stream);
    try {
      const recorded = await this.#deps.bindings.find(stream);
      return { recorded, verdict: judgeBinding(stream, { recorded, declaredUid }, hello) };
    } catch {
      return undefined;
    }
  }

  async #bind(stream: StreamId, before: ClusterBinding | undefined, binding: NewBinding): Promise<KnownBinding> {
    const recorded = await this.#deps.bindings.bind(stream, before, binding);
    if (recorded.clusterUid === binding.clusterUid)
      this.#deps.logger.info({ event: logEvents.clusterBound, ...stream, clusterUid: recorded.clusterUid });
    return { recorded, declaredUid: this.#deps.tokens.clusterUid(stream) };
  }

  async #supersede(before: Session, stream: StreamId): Promise<void> {
    this.#deps.logger.info({ event: logEvents.sessionSuperseded, ...before.stream });
    before.close();
    await before.settled();
    if (before.stream.epoch !== stream.epoch) await this.#claims?.release(before.stream);
  }

  #claimLost(stream: StreamId): void {
    const session = this.#sessions.get(keyOf(stream));
    if (session?.stream.epoch === stream.epoch)
      this.#giveUp(session, { code: 'already-claimed', message: 'the agent streams to another gateway' });
  }

  #giveUp(session: Session, refusal: Refusal): undefined {
    this.#sayRefused(refusal, session.stream);
    session.refuse(refusal.code, refusal.message);
    this.#leave(session);
    return undefined;
  }

  #sayRefused({ code, message, advice = adviceOn(code) }: Refusal, about: object): void {
    this.#deps.metrics.refused.inc({ code });
    this.#deps.logger.warn({ event: logEvents.sessionRefused, ...about, code, message, advice });
  }

  #leave(session: Session): void {
    session.close();
    const key = keyOf(session.stream);
    if (this.#sessions.get(key) !== session) return;
    this.#sessions.delete(key);
    this.#deps.metrics.sessions.set(this.#sessions.size);
    this.#deps.logger.info({ event: logEvents.sessionClosed, ...session.stream });
    void this.#claims?.release(session.stream);
  }

  #inspect(): void {
    const nowMs = this.#deps.now();
    const edition = this.#deps.tokens.edition();
    const areTokensNew = edition !== this.#edition;
    this.#edition = edition;
    for (const session of this.#sessions.values()) {
      if (areTokensNew) session.verify();
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
    for (const session of sessions) session.refuse(stopping.code, stopping.message);
    await Promise.all(sessions.map((session) => session.settled()));
    await this.#claims?.close();
  }
}

const stopping: Refusal = { code: 'shutting-down', message: 'the collector is stopping' };
const unreadable: Refusal = { code: 'overloaded', message: 'the timeline cannot be read now' };

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

export const openGateway = async (deps: GatewayDeps): Promise<Gateway> => {
  const { listen, logger, limits } = deps;
  const gateway = new GrpcGateway(deps);
  const server = await openUplinkServer(listen, limits, (call) => gateway.accept(call)).catch(
    async (error: unknown) => {
      await gateway.close();
      throw error;
    },
  );
  const unsubscribe = deps.bus.onFeedback((feedback) => gateway.feedback(feedback));
  const { address, port } = server;
  logger.info({ event: logEvents.gatewayListening, address, tls: listen.tls !== undefined });
  return {
    address,
    port,
    liveSessions: () => gateway.sessions(),
    async close() {
      await gateway.close();
      unsubscribe();
      await server.close();
    },
  };
};
