/** For the tests of other packages. */
export { type Exim, type EximOptions, mailPassword, mailUser, startExim } from './exim.ts';
export { type Rsyslog, rsyslogMissing, startRsyslog } from './rsyslog.ts';
export { sampleEvents } from './sample-events.ts';
export { type ServiceRequest, startService } from './service-fixture.ts';
