import type { PersonRole } from '@holdfast/protocol';
import { Button, Group, NativeSelect, NumberInput, Stack, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { CopyLine } from '../../components/copy-line.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import { personRoles } from './person-roles.ts';

const longestDays = 366;

/** A token for a program, which acts in one's own name and never may do more than oneself. */
export function ApiTokens(): ReactNode {
  const t = useText();
  const account = useQuery(routeQuery('account', {}));
  const [name, setName] = useState('');
  const [role, setRole] = useState<PersonRole | ''>('');
  const [lifetimeDays, setLifetimeDays] = useState(90);
  const create = useAction('createApiToken', ['ownAccess']);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    create.mutate(
      { body: { name: name.trim(), lifetimeDays, ...(role === '' ? {} : { role }) } },
      { onSuccess: () => setName('') },
    );
  };
  const own = account.data?.user.role;
  return (
    <Card title={t('api-tokens.title')}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <Group gap="md" align="flex-end">
            <TextInput
              label={t('api-tokens.name')}
              required
              maxLength={200}
              value={name}
              onChange={({ currentTarget }) => setName(currentTarget.value)}
            />
            <NativeSelect
              label={t('api-tokens.role')}
              value={role}
              onChange={({ currentTarget }) => setRole(personRoles.find((one) => one === currentTarget.value) ?? '')}
              data={[
                { value: '', label: t('api-tokens.role.own') },
                ...(own === 'administrator' ? personRoles : []).map((value) => ({ value, label: t(`role.${value}`) })),
              ]}
            />
            <NumberInput
              label={t('api-tokens.days')}
              min={1}
              max={longestDays}
              required
              value={lifetimeDays}
              onChange={(value) => setLifetimeDays(Number(value))}
            />
            <Button type="submit" variant="default" loading={create.isPending}>
              {t('api-tokens.create')}
            </Button>
          </Group>
          {create.error && <ProblemAlert error={create.error} />}
          {create.data && (
            <div>
              <p>{t('tokens.once')}</p>
              <CopyLine label={t('api-tokens.text')}>{create.data.token}</CopyLine>
            </div>
          )}
        </Stack>
      </form>
    </Card>
  );
}
