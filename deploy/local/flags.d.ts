export type LocalFlags = {
  /** A real cluster to watch; undefined: the practice cluster. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  /** Everything that is kept between starts. */
  readonly home: string;
  /** The commands look there by themselves. */
  readonly isDefaultHome: boolean;
  /** undefined: the default one, or the next that is free. */
  readonly apiPort: number | undefined;
  /** Milliseconds between steps of the practice cluster's stories; 0: none are played. */
  readonly paceMs: number;
};
export declare const defaultApiPort = 7480;
export declare const usage =
  "usage: npm start [-- FLAGS]\n\nRuns Driftline on this machine: collector with its own ClickHouse, an agent, and the practice cluster.\n\n  --kubeconfig FILE   watch this cluster instead of the practice cluster; nothing is ever written to it\n  --context NAME      the context of the kubeconfig (default: its current one)\n  --data-dir DIR      where everything is kept between starts, for each cluster in a folder of its own\n                      (default: .driftline in the checkout)\n  --api-port N        port of the HTTP API on 127.0.0.1 (default: 7480, or the next one that is free)\n  --pace SECONDS      time between the steps of the practice cluster's stories (default: 8; 0: play none)\n  --help";
export declare class UsageError extends Error {}
export declare function parseFlags(args: readonly string[], root: string): LocalFlags | 'help';
