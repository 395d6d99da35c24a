import type { Answer } from '@holdfast/protocol';
import { Button, Group, Modal, Stack } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { call, tagged } from '../../api/call.ts';
import { invalidateRoutes, routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage, useText } from '../../i18n/language.tsx';
import { DestinationForm } from './destination-form.tsx';
import { SettingsFrame } from './settings-frame.tsx';

export type NotifySettings = NonNullable<Answer<'notificationSettings'>['settings']>;
type Destination = NotifySettings['destinations'][string];

/** Who is told of what happens, and whether it reaches them. */
export function NotificationsPage(): ReactNode {
  const t = useText();
  const settings = useQuery(routeQuery('notificationSettings', {}));
  const [isAdding, setIsAdding] = useState(false);
  const present = settings.data?.settings;
  return (
    <SettingsFrame
      page="notifications"
      actions={
        <Button leftSection={<IconPlus size={17} aria-hidden="true" />} onClick={() => setIsAdding(true)}>
          {t('notify.add')}
        </Button>
      }
    >
      {settings.error && <ProblemAlert error={settings.error} />}
      {settings.data && <Destinations settings={present} />}
      <Queue />
      <Modal
        opened={isAdding}
        onClose={() => setIsAdding(false)}
        title={t('notify.add')}
        closeButtonProps={{ 'aria-label': t('action.close') }}
      >
        <DestinationForm onDone={() => setIsAdding(false)} />
      </Modal>
    </SettingsFrame>
  );
}

function Destinations({ settings }: { readonly settings: NotifySettings | undefined }): ReactNode {
  const t = useText();
  const client = useQueryClient();
  const test = useAction('tryNotifications', ['notifications']);
  const remove = useMutation({
    mutationFn: removeDestination,
    onSettled: () => invalidateRoutes(client, ['notificationSettings', 'notifications']),
  });
  const rows = Object.entries(settings?.destinations ?? {});
  const error = test.error ?? remove.error;
  return (
    <Card title={t('notify.destinations')}>
      <Stack gap="md">
        {rows.length === 0 ? (
          <span>{t('notify.none')}</span>
        ) : (
          <PlainTable
            label={t('notify.destinations')}
            rows={rows}
            keyOf={([name]) => name}
            columns={[
              { id: 'name', head: t('notify.name'), cell: ([name]) => name },
              { id: 'kind', head: t('notify.kind'), cell: ([, one]) => t(`notify.kind.${one.kind}`) },
              { id: 'to', head: t('notify.to'), cell: ([, one]) => placeOf(one), wide: true },
              {
                id: 'actions',
                head: t('table.actions'),
                align: 'end',
                cell: ([name]) => (
                  <Group gap="xs" justify="flex-end" wrap="nowrap">
                    <Button
                      size="compact-sm"
                      variant="default"
                      aria-label={t('notify.test.named', { name })}
                      loading={test.isPending && test.variables.body.destination === name}
                      onClick={() => test.mutate({ body: { destination: name } })}
                    >
                      {t('notify.test')}
                    </Button>
                    <Button
                      size="compact-sm"
                      variant="default"
                      aria-label={t('notify.remove.named', { name })}
                      loading={remove.isPending && remove.variables === name}
                      onClick={() => remove.mutate(name)}
                    >
                      {t('notify.remove')}
                    </Button>
                  </Group>
                ),
              },
            ]}
          />
        )}
        <div role="status">
          {test.data?.results.map(({ destination, recipient, sent, error: problem }) => (
            <p key={`${destination} ${recipient ?? ''}`}>
              {t(sent ? 'notify.sent' : 'notify.not-sent', { to: recipient ?? destination })} {problem?.message}{' '}
              {problem?.guidance}
            </p>
          ))}
        </div>
        {error && <ProblemAlert error={error} />}
        {settings?.rules && <p>{t('notify.rules')}</p>}
      </Stack>
    </Card>
  );
}

function placeOf(destination: Destination): string {
  switch (destination.kind) {
    case 'webhook':
      return destination.url;
    case 'syslog':
      return destination.host;
    default:
      return destination.to.join(', ');
  }
}

/** Without this destination, and without what names it; the last one ends all notifications. */
async function removeDestination(name: string): Promise<void> {
  const { answer, tag } = await tagged('notificationSettings', {});
  const { settings } = answer;
  if (!settings) return;
  const { [name]: _removed, ...destinations } = settings.destinations;
  if (Object.keys(destinations).length === 0) {
    await call('deleteNotificationSettings', { ifMatch: tag });
    return;
  }
  const without = (send: readonly string[]): string[] => send.filter((one) => one !== name);
  const { rules, dailySummary, ...rest } = settings;
  const kept = rules?.map((rule) => ({ ...rule, send: without(rule.send) })).filter(({ send }) => send.length > 0);
  const summary = dailySummary?.send ? { ...dailySummary, send: without(dailySummary.send) } : dailySummary;
  await call('setNotificationSettings', {
    ifMatch: tag,
    body: {
      settings: {
        ...rest,
        destinations,
        ...(kept && kept.length > 0 ? { rules: kept } : {}),
        ...(summary && summary.send?.length !== 0 ? { dailySummary: summary } : {}),
      },
    },
  });
}

function Queue(): ReactNode {
  const { t, formats } = useLanguage();
  const queue = useQuery(routeQuery('notifications', { query: { limit: 50 } }));
  const retry = useAction('retryNotifications', ['notifications']);
  const rows = queue.data?.notifications ?? [];
  const error = queue.error ?? retry.error;
  return (
    <Card
      title={t('notify.queue')}
      aside={
        rows.some(({ state }) => state !== 'sent') && (
          <Button
            size="compact-sm"
            variant="default"
            loading={retry.isPending}
            onClick={() => retry.mutate({ body: {} })}
          >
            {t('notify.retry')}
          </Button>
        )
      }
    >
      {error && <ProblemAlert error={error} />}
      {rows.length === 0 ? (
        <span>{t('notify.queue.none')}</span>
      ) : (
        <PlainTable
          label={t('notify.queue')}
          rows={rows}
          keyOf={({ id }) => id}
          columns={[
            { id: 'subject', head: t('notify.subject'), cell: ({ subject }) => subject },
            {
              id: 'to',
              head: t('notify.to'),
              cell: ({ destination, recipient }) => recipient ?? destination,
              wide: true,
            },
            { id: 'state', head: t('computers.state'), cell: ({ state }) => t(`notify.state.${state}`) },
            { id: 'at', head: t('audit.at'), cell: ({ createdAt }) => formats.dateTime(createdAt), wide: true },
            { id: 'error', head: t('runs.column.error'), cell: ({ lastError }) => lastError?.message, wide: true },
          ]}
        />
      )}
    </Card>
  );
}
