/** An agent as the gateway sees it, frame by frame, on a real gRPC connection. */
import * as grpc from '@grpc/grpc-js';
import { agentFrame, collectorFrame, protocolVersion, uplinkServicePath } from '@driftline/proto';
import type { AgentFrame, Batch, CollectorFrame, Hello } from '@driftline/proto';

const raw = (bytes: Buffer): Buffer => bytes;

/** A gRPC client that keeps every frame. */
export class TestAgent {
  readonly frames: CollectorFrame[] = [];
  readonly ended = Promise.withResolvers<grpc.StatusObject>();
  readonly #call: grpc.ClientDuplexStream<Buffer, Buffer>;
  readonly #client: grpc.Client;
  #seen = 0;

  constructor(port: number, token: string | undefined, credentials = grpc.credentials.createInsecure()) {
    this.#client = new grpc.Client(`127.0.0.1:${port}`, credentials, { 'grpc.max_send_message_length': -1 });
    const metadata = new grpc.Metadata();
    if (token !== undefined) metadata.set('authorization', `Bearer ${token}`);
    this.#call = this.#client.makeBidiStreamRequest(uplinkServicePath, raw, raw, metadata);
    this.#call.on('data', (bytes: Buffer) => this.frames.push(collectorFrame.decode(bytes)));
    this.#call.on('status', (status: grpc.StatusObject) => this.ended.resolve(status));
    this.#call.on('error', () => {});
  }

  send(frame: AgentFrame): this {
    this.#call.write(Buffer.from(agentFrame.encode(frame)));
    return this;
  }

  sendBytes(bytes: Uint8Array): this {
    this.#call.write(Buffer.from(bytes));
    return this;
  }

  /** The next frame of that type that was not looked at yet. */
  async next<T extends CollectorFrame['type']>(type: T): Promise<Extract<CollectorFrame, { type: T }>> {
    for (let waited = 0; waited < 12_000; waited++) {
      for (let at = this.#seen; at < this.frames.length; at++) {
        const frame = this.frames[at];
        if (frame?.type !== type) continue;
        this.#seen = at + 1;
        return frame as Extract<CollectorFrame, { type: T }>;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`no ${type} came; came: ${this.frames.map((frame) => frame.type).join(', ')}`);
  }

  close(): void {
    this.#call.cancel();
    this.#client.close();
  }
}

export const hello = (change: Partial<Hello> = {}): Hello => ({
  type: 'hello',
  protocol: protocolVersion,
  cluster: 'East',
  clusterUid: 'uid-1',
  epoch: 'e1',
  instance: 'i1',
  firstSequence: 0,
  lastSequence: 0,
  agentVersion: '0',
  kubernetesVersion: 'v1.34',
  redactionKeyId: 'k',
  ...change,
});

export const batch = (firstSequence: number, lastSequence = firstSequence, bytes = 8): AgentFrame => {
  const payload = new Uint8Array(bytes).fill(1);
  const made: Batch = { firstSequence, lastSequence, compression: 'none', uncompressedBytes: bytes, payload };
  return { type: 'batch', batch: made };
};

export const until = async (condition: () => boolean | Promise<boolean>, what: string): Promise<void> => {
  for (let waited = 0; waited < 12_000; waited++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`never: ${what}`);
};
