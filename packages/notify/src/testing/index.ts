/** For the tests of other packages. */
export { type Exim, type EximOptions, mailPassword, mailUser, startExim } from './exim.ts';
export { sampleEvents } from './sample-events.ts';
