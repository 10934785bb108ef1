export { checkAddress } from './connect.ts';
export type { ConnectOptions } from './connect.ts';
export type { EpochLoss } from './session.ts';
export { UplinkError } from './uplink-error.ts';
export { defaultUplinkLimits, openUplink } from './uplink.ts';
export type { Uplink, UplinkLimits, UplinkOptions, UplinkState } from './uplink.ts';
export { noUplinkMetrics } from './uplink-metrics.ts';
export type { UplinkMetrics } from './uplink-metrics.ts';
