import type { Clock } from '@holdfast/core';
import { severityOf, subjectOf } from '@holdfast/notify';
import { errorReport, type NotificationView } from '@holdfast/protocol';
import type { TenantScope } from '../catalogue/catalogue.ts';
import { readPage } from '../catalogue/page.ts';
import { readJson } from '../json-column.ts';
import { eventOf, NotificationQueue, type NotificationRow } from '../notifications/notification-queue.ts';
import type { Notifications } from '../notifications/notifications.ts';
import { deleteSettings, keptSecrets, loadSettings, saveSettings } from '../notifications/settings.ts';
import type { Vault } from '../vault.ts';
import type { RestHandlers } from './rest-app.ts';

export function notificationHandlers(o: {
  notifications: Notifications;
  instance: string;
  vault: Vault;
  clock: Clock;
}): Pick<
  RestHandlers,
  | 'notificationSettings'
  | 'setNotificationSettings'
  | 'deleteNotificationSettings'
  | 'notifications'
  | 'retryNotifications'
  | 'tryNotifications'
> {
  const { vault, clock } = o;
  const shown = async (scope: TenantScope) => {
    const stored = await loadSettings(scope);
    return { secrets: await keptSecrets(scope), ...(stored ? { settings: stored.config } : {}) };
  };
  return {
    notificationSettings: ({ scope }) => shown(scope),
    setNotificationSettings: async ({ scope, body, requireUnchanged, note }) => {
      requireUnchanged(await shown(scope));
      note({ details: { destinations: Object.keys(body.settings.destinations) } });
      await saveSettings(scope, { config: body.settings, secrets: body.secrets, vault, now: clock.now() });
      return shown(scope);
    },
    deleteNotificationSettings: async ({ scope, requireUnchanged }) => {
      requireUnchanged(await shown(scope));
      await deleteSettings(scope);
      return {};
    },
    notifications: async ({ scope, query: { state, ...page } }) => {
      const all = scope.query.selectFrom('notifications').selectAll();
      const { items, ...rest } = await readPage(state === undefined ? all : all.where('state', '=', state), {
        ...page,
        order: { createdAt: 'text', id: 'text' },
        newestFirst: true,
        view: viewOf,
      });
      return { notifications: items, ...rest };
    },
    retryNotifications: async ({ scope, body }) => {
      const queue = new NotificationQueue({ scope, instance: o.instance, from: '', clock });
      return { due: await queue.revive({ now: clock.now(), ids: body.ids }) };
    },
    tryNotifications: async ({ scope, body, signal }) => ({
      results: await o.notifications.trial(scope, { destination: body.destination, signal }),
    }),
  };
}

function viewOf(row: NotificationRow): NotificationView {
  const { id, destination, createdAt, state, attempts, dueAt } = row;
  const event = eventOf(row);
  return {
    ...{ id, destination, createdAt, state, attempts },
    ...{ event: event.kind, severity: severityOf(event), subject: subjectOf(event) },
    ...(row.recipient === null ? {} : { recipient: row.recipient }),
    ...(state === 'waiting' ? { dueAt } : {}),
    ...(row.lastErrorJson === null
      ? {}
      : { lastError: readJson(errorReport, row.lastErrorJson, 'notifications.lastErrorJson') }),
  };
}
