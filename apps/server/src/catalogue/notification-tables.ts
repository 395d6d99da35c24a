import type { Tenant } from './schema.ts';

/** Who is notified of what. No row: nobody. */
interface NotificationSettingsTable {
  tenant: Tenant;
  /** `NotifyConfig`. */
  settingsJson: string;
  changedAt: string;
  /** Up to then runs have been in a daily summary. */
  summarisedUntil: string;
}

/** What the settings name by their `…File` fields. */
interface NotificationSecretsTable {
  tenant: Tenant;
  name: string;
  sealed: string;
}

/** What is to be told of, written in the transaction in which it happened; gone when it is in the queue. */
interface NotificationCausesTable {
  tenant: Tenant;
  id: string;
  at: string;
  causeJson: string;
}

/** What is so at present and was told of: that a computer is offline, for example. The key lets each be told once. */
interface NotificationConditionsTable {
  tenant: Tenant;
  kind: string;
  subject: string;
  since: string;
}

/** The queue of notifications. */
export interface NotificationsTable {
  tenant: Tenant;
  id: string;
  destination: string;
  recipient: string | null;
  eventJson: string;
  createdAt: string;
  state: 'waiting' | 'given-up' | 'sent';
  /** Of one that waits: when it is tried; while somebody is at it, when that claim ends. */
  dueAt: string;
  /** Whose it is: the instance, and a random part. */
  claim: string | null;
  attempts: number;
  lastErrorJson: string | null;
}

/** Where the audit is exported to. */
interface AuditExportsTable {
  tenant: Tenant;
  settingsJson: string;
  changedAt: string;
  /** Records up to this number were sent. */
  exported: number;
  /** The instance that sends, and until when nobody else does. */
  claim: string | null;
  claimedUntil: string;
  lastSentAt: string | null;
  errorJson: string | null;
}

/** Who is told of what happens, and where the audit goes. */
export interface NotificationTables {
  notificationSettings: NotificationSettingsTable;
  notificationSecrets: NotificationSecretsTable;
  notificationCauses: NotificationCausesTable;
  notificationConditions: NotificationConditionsTable;
  notifications: NotificationsTable;
  auditExports: AuditExportsTable;
}
