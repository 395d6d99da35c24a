import { Button, Checkbox, Group, PasswordInput, Stack } from '@mantine/core';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { useAction } from '../../api/queries.ts';
import { Card } from '../../components/card.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import { ApiTokens } from './api-tokens.tsx';
import { OwnAccess } from './own-access.tsx';
import { SecondFactors } from './second-factors.tsx';
import { SettingsFrame } from './settings-frame.tsx';

/** One's own account: how one signs in, and where one has. */
export function AccountPage(): ReactNode {
  return (
    <SettingsFrame page="account">
      <SecondFactors />
      <OwnPassword />
      <OwnAccess />
      <ApiTokens />
    </SettingsFrame>
  );
}

function OwnPassword(): ReactNode {
  const t = useText();
  const [currentPassword, setCurrent] = useState('');
  const [newPassword, setNew] = useState('');
  const [endApiTokens, setEndApiTokens] = useState(false);
  const change = useAction('changePassword', ['ownAccess']);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    change.mutate(
      { body: { currentPassword, newPassword, endApiTokens } },
      {
        onSuccess: () => {
          setCurrent('');
          setNew('');
        },
      },
    );
  };
  const toggle = { 'aria-label': t('sign-in.show-password') };
  return (
    <Card title={t('own.password')}>
      <form onSubmit={submit}>
        <Stack gap="md" maw="26rem">
          <PasswordInput
            label={t('own.password.current')}
            autoComplete="current-password"
            required
            visibilityToggleButtonProps={toggle}
            value={currentPassword}
            onChange={({ currentTarget }) => setCurrent(currentTarget.value)}
          />
          <PasswordInput
            label={t('own.password.new')}
            description={t('set-up.password.hint')}
            autoComplete="new-password"
            required
            visibilityToggleButtonProps={toggle}
            value={newPassword}
            onChange={({ currentTarget }) => setNew(currentTarget.value)}
          />
          <Checkbox
            label={t('own.password.end-tokens')}
            checked={endApiTokens}
            onChange={({ currentTarget }) => setEndApiTokens(currentTarget.checked)}
          />
          {change.error && <ProblemAlert error={change.error} />}
          <Group>
            <Button type="submit" variant="default" loading={change.isPending}>
              {t('own.password.submit')}
            </Button>
            <span role="status">{change.isSuccess && t('own.password.done')}</span>
          </Group>
        </Stack>
      </form>
    </Card>
  );
}
