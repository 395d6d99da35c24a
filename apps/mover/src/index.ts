export { type MoverConfig, moverConfigSchema } from './config.ts';
export { enrolMover } from './enrol.ts';
export { type MoverOptions, type RunningMover, startMover } from './mover.ts';
