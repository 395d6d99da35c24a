import { Button, PasswordInput, Stack, TextInput } from '@mantine/core';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { useAction } from '../../api/queries.ts';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import { type Rights, RoleFields } from './role-fields.tsx';

/** A new account, with a password that is good for the first time only. */
export function NewPerson({ onDone }: { readonly onDone: () => void }): ReactNode {
  const t = useText();
  const [name, setName] = useState('');
  const [displayName, setDisplayName] = useState('');
  const [password, setPassword] = useState('');
  const [rights, setRights] = useState<Rights>({ role: 'auditor', groups: [] });
  const create = useAction('createUser', ['users', 'approvals']);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    create.mutate(
      {
        body: {
          name: name.trim(),
          ...(displayName.trim() === '' ? {} : { displayName: displayName.trim() }),
          role: rights.role,
          ...(rights.groups.length === 0 ? {} : { groups: [...rights.groups] }),
          password,
        },
      },
      { onSuccess: onDone },
    );
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <TextInput
          label={t('sign-in.name')}
          description={t('set-up.name.hint')}
          required
          data-autofocus
          autoComplete="off"
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <TextInput
          label={t('people.display-name')}
          maxLength={200}
          value={displayName}
          onChange={({ currentTarget }) => setDisplayName(currentTarget.value)}
        />
        <RoleFields rights={rights} onChange={setRights} />
        <PasswordInput
          label={t('people.password')}
          description={t('people.password.hint')}
          autoComplete="new-password"
          required
          visibilityToggleButtonProps={{ 'aria-label': t('sign-in.show-password') }}
          value={password}
          onChange={({ currentTarget }) => setPassword(currentTarget.value)}
        />
        {create.error && <ProblemAlert error={create.error} />}
        <Button type="submit" loading={create.isPending}>
          {t('people.create')}
        </Button>
      </Stack>
    </form>
  );
}
