export type LocalCredentials = {
  readonly tokensFile: string;
  readonly agentToken: string;
  readonly readerToken: string;
};
export declare function ensureCredentials(home: string, cluster: string): LocalCredentials;
/** Readable by the owner only, and never half written. */
export declare function writeSecret(path: string, text: string): void;
/** Where the CLI finds the running collector; the newest one, when several run. */
export declare function writeConnection(
  home: string,
  connection: {
    readonly url: string;
    readonly token: string;
  },
): () => void;
