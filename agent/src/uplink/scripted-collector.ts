/** A collector for the tests of the uplink: a real gRPC server that does what each test scripts. */
import { agentFrame, collectorFrame, maxFrameBytes, uplinkServicePath } from '@driftline/proto';
import type { AgentFrame, Batch, CollectorFrame, Hello } from '@driftline/proto';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { Metadata, ServerDuplexStream } from '@grpc/grpc-js';

export type ScriptedStream = {
  readonly number: number;
  readonly metadata: Metadata;
  readonly hello: Hello;
  readonly batches: Batch[];
  send(frame: CollectorFrame): void;
  welcome(recordedSequence: number, options?: { creditBytes?: number; heartbeatIntervalMs?: number }): void;
  ack(recordedSequence: number, acceptedSequence?: number): void;
  end(): void;
};

/** Told of everything that comes; answers by calling the stream. */
export type Script = {
  onHello(stream: ScriptedStream): void;
  onBatch?(stream: ScriptedStream, batch: Batch): void;
  onHeartbeat?(stream: ScriptedStream): void;
};

export type ScriptedCollector = {
  readonly port: number;
  readonly streams: ScriptedStream[];
  /** Destroys every socket: a reset in the middle of whatever is going on. */
  reset(): void;
  close(): Promise<void>;
};

const pass = (bytes: Buffer): Buffer => bytes;

export async function openScriptedCollector(
  script: Script,
  options: { readonly port?: number; readonly credentials?: ServerCredentials } = {},
): Promise<ScriptedCollector> {
  const limits = { 'grpc.max_receive_message_length': maxFrameBytes };
  let server = new Server(limits);
  const streams: ScriptedStream[] = [];
  const definition = {
    Stream: {
      path: uplinkServicePath,
      requestStream: true,
      responseStream: true,
      requestSerialize: pass,
      requestDeserialize: pass,
      responseSerialize: pass,
      responseDeserialize: pass,
    },
  } as const;
  const handle = (call: ServerDuplexStream<Buffer, Buffer>): void => {
    call.on('error', () => undefined);
    let stream: ScriptedStream | undefined;
    call.on('data', (bytes: Buffer) => {
      const frame: AgentFrame = agentFrame.decode(bytes);
      if (frame.type === 'hello') {
        stream = createStream(call, frame, streams.length);
        streams.push(stream);
        script.onHello(stream);
      } else if (stream !== undefined && frame.type === 'batch') {
        stream.batches.push(frame.batch);
        script.onBatch?.(stream, frame.batch);
      } else if (stream !== undefined) script.onHeartbeat?.(stream);
    });
  };
  const credentials = options.credentials ?? ServerCredentials.createInsecure();
  const bind = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      server.addService(definition, { Stream: handle });
      server.bindAsync(`127.0.0.1:${port}`, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
    });
  const port = await bind(options.port ?? 0);
  return {
    port,
    streams,
    reset() {
      server.forceShutdown();
      server = new Server(limits);
      void bind(port);
    },
    async close() {
      server.forceShutdown();
    },
  };
}

function createStream(call: ServerDuplexStream<Buffer, Buffer>, hello: Hello, number: number): ScriptedStream {
  const send = (frame: CollectorFrame): void => void call.write(Buffer.from(collectorFrame.encode(frame)));
  return {
    number,
    metadata: call.metadata,
    hello,
    batches: [],
    send,
    welcome(recordedSequence, { creditBytes = 1024 * 1024, heartbeatIntervalMs = 60_000 } = {}) {
      send({ type: 'welcome', recordedSequence, creditBytes, heartbeatIntervalMs });
    },
    ack(recordedSequence, acceptedSequence = recordedSequence) {
      send({ type: 'ack', acceptedSequence, recordedSequence });
    },
    end: () => call.end(),
  };
}
