import type { User } from '@holdfast/protocol';
import { Button, Checkbox, Group, PasswordInput, Stack, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { ifAsSeen } from '../../api/as-seen.ts';
import { call } from '../../api/call.ts';
import { invalidateRoutes, routeQuery, useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { SaveProblem } from '../../components/save-problem.tsx';
import { useDraft } from '../../components/use-draft.ts';
import { useText } from '../../i18n/language.tsx';
import { DeleteButton } from '../delete-button.tsx';
import { AccessTable } from './own-access.tsx';
import { type Rights, RoleFields } from './role-fields.tsx';

/** What an account may do, its password, and where it has signed in. */
export function PersonForm({ user, onDone }: { readonly user: User; readonly onDone: () => void }): ReactNode {
  const t = useText();
  const client = useQueryClient();
  const { seen, draft, write, reset } = useDraft(user, draftOf);
  const { displayName, disabled, rights } = draft;
  const change = useMutation({
    mutationFn: () => {
      const groups = rights.groups.length === 0 ? null : [...rights.groups];
      const body = { displayName: displayName.trim(), role: rights.role, groups, disabled };
      return ifAsSeen({ of: 'user', id: user.id, seen }, (guard) => call('updateUser', { ...guard, body }));
    },
    onSuccess: onDone,
    onSettled: () => invalidateRoutes(client, ['users', 'user', 'approvals', 'account']),
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    change.mutate();
  };
  const startAnew = (): void => {
    change.reset();
    reset();
  };
  return (
    <Stack gap="lg">
      <form onSubmit={submit}>
        <Stack gap="md">
          <TextInput
            label={t('people.display-name')}
            required
            maxLength={200}
            value={displayName}
            onChange={({ currentTarget }) => write({ displayName: currentTarget.value })}
          />
          <RoleFields rights={rights} onChange={(next) => write({ rights: next })} />
          <Checkbox
            label={t('people.disabled')}
            checked={disabled}
            onChange={({ currentTarget }) => write({ disabled: currentTarget.checked })}
          />
          {change.error && <SaveProblem error={change.error} onReset={startAnew} />}
          <Group gap="sm">
            <Button type="submit" loading={change.isPending}>
              {t('action.save')}
            </Button>
            <DeleteButton
              route="deleteUser"
              of="user"
              id={user.id}
              seen={user}
              name={user.displayName}
              warning={t('people.delete.hint')}
              changes={['users', 'approvals']}
              onDeleted={onDone}
            />
          </Group>
        </Stack>
      </form>
      <ResetPassword id={user.id} />
      <Access id={user.id} />
    </Stack>
  );
}

/** What can be written about an account. */
function draftOf({ displayName, disabled, role, groups }: User) {
  const rights: Rights = { role, groups: groups ?? [] };
  return { displayName, disabled, rights };
}

function ResetPassword({ id }: { readonly id: string }): ReactNode {
  const t = useText();
  const [password, setPassword] = useState('');
  const [removeSecondFactors, setRemove] = useState(false);
  const reset = useAction('resetUser', ['users', 'userAccess', 'approvals']);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    reset.mutate({ params: { id }, body: { password, removeSecondFactors } }, { onSuccess: () => setPassword('') });
  };
  return (
    <Card title={t('people.reset')}>
      <form onSubmit={submit}>
        <Stack gap="md">
          <PasswordInput
            label={t('people.password')}
            description={t('people.password.hint')}
            autoComplete="new-password"
            required
            visibilityToggleButtonProps={{ 'aria-label': t('sign-in.show-password') }}
            value={password}
            onChange={({ currentTarget }) => setPassword(currentTarget.value)}
          />
          <Checkbox
            label={t('people.reset.factors')}
            checked={removeSecondFactors}
            onChange={({ currentTarget }) => setRemove(currentTarget.checked)}
          />
          {reset.error && <ProblemAlert error={reset.error} />}
          <Group gap="sm">
            <Button type="submit" variant="default" loading={reset.isPending}>
              {t('people.reset.submit')}
            </Button>
            <span role="status">{reset.isSuccess && t('action.saved')}</span>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}

function Access({ id }: { readonly id: string }): ReactNode {
  const t = useText();
  const access = useQuery(routeQuery('userAccess', { params: { id } }));
  const revoke = useAction('revokeUserAccess', ['userAccess']);
  const error = access.error ?? revoke.error;
  const rows = access.data?.access ?? [];
  return (
    <Card title={t('access.title')}>
      {error && <ProblemAlert error={error} />}
      {rows.length === 0 ? (
        <span>{t('access.none')}</span>
      ) : (
        <AccessTable access={rows} onRevoke={(accessId) => revoke.mutate({ params: { id, accessId } })} />
      )}
    </Card>
  );
}
