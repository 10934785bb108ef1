export { agentVersion, openAgent } from './agent.ts';
export type { Agent, AgentPorts } from './agent.ts';
export { parseConfig, usage } from './config.ts';
export type { AgentConfig } from './config.ts';
export { StartError } from './config-error.ts';
export type { StartErrorCode } from './config-error.ts';
