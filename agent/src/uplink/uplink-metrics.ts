/** Figures of the uplink. metrics.ts makes the real ones; units are in the names. */
export type UplinkMetrics = {
  connected(isConnected: boolean): void;
  sent(batchBytes: number, messages: number): void;
  ended(reason: string): void;
  resendAsked(): void;
  objectsAsked(count: number): void;
};

export const noUplinkMetrics: UplinkMetrics = {
  connected: () => undefined,
  sent: () => undefined,
  ended: () => undefined,
  resendAsked: () => undefined,
  objectsAsked: () => undefined,
};
