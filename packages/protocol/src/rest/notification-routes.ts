import { notifyConfigSchema, severities } from '@holdfast/notify/schemas';
import { z } from 'zod';
import { errorReport } from '../error-report.ts';
import { entityId, isoTime } from '../names.ts';
import { route } from '../route.ts';
import { pageOf, pageQuery } from './parts.ts';

const secretName = z.string().min(1).max(4096);

const notificationSettings = z.object({
  /** Absent: nobody is notified. */
  settings: notifyConfigSchema.optional(),
  /** Names of the secrets that the server keeps for them. */
  secrets: z.array(secretName),
});

const notification = z.object({
  id: entityId,
  destination: z.string(),
  recipient: z.string().optional(),
  event: z.string(),
  severity: z.enum(severities),
  subject: z.string(),
  createdAt: isoTime,
  /** `given-up`: not tried any more, until somebody asks for it. */
  state: z.enum(['waiting', 'given-up', 'sent']),
  attempts: z.number().int(),
  /** Of one that waits: when it is tried next. */
  dueAt: isoTime.optional(),
  lastError: errorReport.optional(),
});
export type NotificationView = z.output<typeof notification>;

export const notificationRoutes = {
  notificationSettings: route('notificationSettings', 'GET', '/api/v1/notifications/settings', {
    access: 'server.manage',
    summary: 'Who is notified of what, without the secrets',
    tag: 'notifications',
    response: notificationSettings,
  }),
  setNotificationSettings: route('setNotificationSettings', 'PUT', '/api/v1/notifications/settings', {
    access: 'server.manage',
    guarded: true,
    summary:
      'Say who is notified of what. `…File` fields name secrets: those that are given are kept sealed, others stay, and those that nothing names are forgotten',
    tag: 'notifications',
    body: z.strictObject({
      settings: notifyConfigSchema,
      secrets: z.record(secretName, z.string().max(64 * 1024)).default({}),
    }),
    response: notificationSettings,
  }),
  deleteNotificationSettings: route('deleteNotificationSettings', 'DELETE', '/api/v1/notifications/settings', {
    access: 'server.manage',
    guarded: true,
    summary: 'Notify nobody any more; what waits is forgotten, and the secrets as well',
    tag: 'notifications',
    response: z.object({}),
  }),
  notifications: route('notifications', 'GET', '/api/v1/notifications', {
    access: 'server.manage',
    summary: 'Notifications that wait, were given up, or were sent in the last day, newest first',
    tag: 'notifications',
    query: pageQuery.extend({ state: notification.shape.state.optional() }),
    response: pageOf('notifications', notification),
  }),
  retryNotifications: route('retryNotifications', 'POST', '/api/v1/notifications/retry', {
    access: 'server.manage',
    summary: 'Send what was given up, and what waits, now: all, or the ones with these ids',
    tag: 'notifications',
    audited: ['ids'],
    body: z.strictObject({ ids: z.array(entityId).min(1).max(1000).optional() }),
    response: z.object({ due: z.number().int() }),
  }),
  tryNotifications: route('tryNotifications', 'POST', '/api/v1/notifications/trial', {
    access: 'server.manage',
    summary: 'Send a trial message to every recipient, or to those of one destination, and say what went wrong',
    tag: 'notifications',
    audited: ['destination'],
    body: z.strictObject({ destination: z.string().max(63).optional() }),
    response: z.object({
      results: z.array(
        z.object({
          destination: z.string(),
          recipient: z.string().optional(),
          sent: z.boolean(),
          error: errorReport.optional(),
        }),
      ),
    }),
  }),
} as const;
