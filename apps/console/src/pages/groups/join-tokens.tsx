import { Button, Group, NativeSelect, NumberInput, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { CopyLine } from '../../components/copy-line.tsx';
import { PlainTable } from '../../components/plain-table.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useLanguage } from '../../i18n/language.tsx';

const hour = 3600;
const day = 24 * hour;
const lifetimes = [hour, day, 7 * day, 30 * day];

/** What computers join a group with: made, shown once, and withdrawn. */
export function JoinTokens({ group }: { readonly group: string }): ReactNode {
  const { t, formats } = useLanguage();
  const [role, setRole] = useState<'agent' | 'mover'>('agent');
  const [uses, setUses] = useState(1);
  const [lifetimeSeconds, setLifetime] = useState(hour);
  const tokens = useQuery(routeQuery('tokens', { query: { limit: 1000 } }));
  const create = useAction('createToken', ['tokens']);
  const withdraw = useAction('deleteToken', ['tokens']);
  const own = (tokens.data?.tokens ?? []).filter((token) => token.group === group);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    create.mutate({ body: { role, group, uses, lifetimeSeconds } });
  };
  const error = tokens.error ?? create.error ?? withdraw.error;
  return (
    <Card title={t('tokens.title')}>
      <Stack gap="md">
        <form onSubmit={submit}>
          <Group gap="md" align="flex-end">
            <NativeSelect
              label={t('computers.role')}
              value={role}
              onChange={({ currentTarget }) => setRole(currentTarget.value === 'mover' ? 'mover' : 'agent')}
              data={(['agent', 'mover'] as const).map((value) => ({ value, label: t(`computers.role.${value}`) }))}
            />
            <NumberInput
              label={t('tokens.uses')}
              min={1}
              max={10_000}
              required
              value={uses}
              onChange={(value) => setUses(Number(value))}
            />
            <NativeSelect
              label={t('tokens.lifetime')}
              value={String(lifetimeSeconds)}
              onChange={({ currentTarget }) => setLifetime(Number(currentTarget.value))}
              data={lifetimes.map((seconds) => ({
                value: String(seconds),
                label:
                  seconds === hour ? t('tokens.lifetime.hour') : t('tokens.lifetime.days', { count: seconds / day }),
              }))}
            />
            <Button type="submit" loading={create.isPending}>
              {t('tokens.create')}
            </Button>
          </Group>
        </form>
        {error && <ProblemAlert error={error} />}
        {create.data && (
          <div>
            <p>{t('tokens.once')}</p>
            <CopyLine label={t('tokens.text')}>{create.data.token}</CopyLine>
            <p>{t('tokens.fingerprint')}</p>
            <CopyLine label={t('tokens.fingerprint')}>{create.data.caFingerprint}</CopyLine>
          </div>
        )}
        {own.length === 0 ? (
          <span>{t('tokens.none')}</span>
        ) : (
          <PlainTable
            label={t('tokens.title')}
            rows={own}
            keyOf={({ id }) => id}
            columns={[
              { id: 'role', head: t('computers.role'), cell: (token) => t(`computers.role.${token.role}`) },
              { id: 'uses', head: t('tokens.uses-left'), cell: ({ usesLeft }) => formats.number(usesLeft) },
              { id: 'expires', head: t('tokens.expires'), cell: ({ expiresAt }) => formats.dateTime(expiresAt) },
              {
                id: 'withdraw',
                head: t('table.actions'),
                align: 'end',
                cell: ({ id, expiresAt }) => (
                  <Button
                    size="compact-sm"
                    variant="default"
                    aria-label={t('tokens.withdraw.named', { at: formats.dateTime(expiresAt) })}
                    onClick={() => withdraw.mutate({ params: { id } })}
                  >
                    {t('tokens.withdraw')}
                  </Button>
                ),
              },
            ]}
          />
        )}
      </Stack>
    </Card>
  );
}
