export { type MoverConfig, moverConfigSchema } from './config.ts';
export { type MoverOptions, type RunningMover, startMover } from './mover.ts';
