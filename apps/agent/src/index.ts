export { type AgentOptions, type RunningAgent, startAgent } from './agent.ts';
export { type AgentConfig, agentConfigSchema } from './config.ts';
export { createPanelLink, type PanelLink } from './panel/panel-link.ts';
export { stayConnected } from './stay-connected.ts';
export { loadOwnKey, type OwnKey, ownKeyPath, saveOwnKey } from './zero-knowledge/own-key.ts';
