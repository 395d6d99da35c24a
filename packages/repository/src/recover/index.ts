export { type Recovered, type RecoverOptions, recover } from './recover.ts';
