export {
  type Destination,
  destinationSchema,
  type NotifyConfig,
  notifyConfigSchema,
  recipientsOf,
  secretsOf,
} from './configuration.ts';
export {
  type EventKind,
  eventSchema,
  type NotificationEvent,
  type Outcome,
  type Run,
  type RunPoint,
  type Severity,
  severityOf,
} from './event.ts';
export { foldEvents } from './fold.ts';
export { subjectOf } from './message/message.ts';
export { type Attempt, Notifier } from './notifier.ts';
export { FolderStore } from './queue/folder-store.ts';
export type {
  ClaimedNotification,
  Notification,
  NotificationStore,
  WaitingNotification,
} from './queue/notification-store.ts';
export { mayBeReached } from './senders/reachable.ts';
export type { SenderContext } from './senders/sender.ts';
export { sendSyslog, syslogLine } from './senders/syslog.ts';
export { StandAloneNotifications } from './stand-alone/stand-alone-notifications.ts';
export { lastTimeOfDay, ownTimeZone } from './time-of-day.ts';
