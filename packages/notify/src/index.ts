export {
  type Destination,
  destinationSchema,
  type NotifyConfig,
  notifyConfigSchema,
  recipientsOf,
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
export { subjectOf } from './message/message.ts';
export { type Attempt, Notifier } from './notifier.ts';
export { FolderStore } from './queue/folder-store.ts';
export type {
  ClaimedNotification,
  Notification,
  NotificationStore,
  WaitingNotification,
} from './queue/notification-store.ts';
export type { SenderContext } from './senders/sender.ts';
export { StandAloneNotifications } from './stand-alone/stand-alone-notifications.ts';
export { ownTimeZone } from './time-of-day.ts';
