/** The forms of configurations and events, for whoever speaks of them without sending anything. */
export { type NotifyConfig, notifyConfigSchema, secretsOf, syslogSchema } from '../configuration.ts';
export { type EventKind, type Severity, severities } from '../event.ts';
