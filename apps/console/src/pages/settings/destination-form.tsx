import type { CallArguments, Routes } from '@holdfast/protocol';
import { Button, Checkbox, NativeSelect, PasswordInput, Stack, Textarea, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { call, tagged } from '../../api/call.ts';
import { invalidateRoutes } from '../../api/queries.ts';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';

const kinds = ['smtp', 'webhook', 'syslog'] as const;
type Body = CallArguments<Routes['setNotificationSettings']>['body'];
type Destination = Body['settings']['destinations'][string];

/** What somebody writes; which fields count depends on the kind. */
const empty = { name: '', host: '', user: '', from: '', to: '', url: '', secret: '', local: false, udp: false };
type Fields = typeof empty;

/** A new destination beside those that there are. Mail services with OAuth are set with the command line, as files are. */
export function DestinationForm({ onDone }: { readonly onDone: () => void }): ReactNode {
  const t = useText();
  const client = useQueryClient();
  const [kind, setKind] = useState<(typeof kinds)[number]>('smtp');
  const [fields, setFields] = useState(empty);
  const set = (change: Partial<Fields>): void => setFields({ ...fields, ...change });
  const add = useMutation({
    mutationFn: () => addDestination(kind, fields),
    onSuccess: onDone,
    onSettled: () => invalidateRoutes(client, ['notificationSettings']),
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    add.mutate();
  };
  const text = (name: 'name' | 'host' | 'user' | 'from' | 'url', isOptional = false): ReactNode => (
    <TextInput
      label={t(`notify.field.${name}`)}
      required={!isOptional}
      autoComplete="off"
      value={fields[name]}
      onChange={({ currentTarget }) => set({ [name]: currentTarget.value })}
    />
  );
  const secret = (isRequired: boolean): ReactNode => (
    <PasswordInput
      label={t(kind === 'webhook' ? 'notify.field.secret' : 'notify.field.password')}
      description={kind === 'webhook' ? t('notify.field.secret.hint') : undefined}
      required={isRequired}
      autoComplete="off"
      visibilityToggleButtonProps={{ 'aria-label': t('sign-in.show-password') }}
      value={fields.secret}
      onChange={({ currentTarget }) => set({ secret: currentTarget.value })}
    />
  );
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        <NativeSelect
          label={t('notify.kind')}
          value={kind}
          onChange={({ currentTarget }) => setKind(kinds.find((one) => one === currentTarget.value) ?? 'smtp')}
          data={kinds.map((value) => ({ value, label: t(`notify.kind.${value}`) }))}
        />
        {text('name')}
        {kind === 'smtp' && (
          <>
            {text('host')}
            {text('from')}
            <Textarea
              label={t('notify.field.to')}
              description={t('protect.folders.hint')}
              required
              autosize
              value={fields.to}
              onChange={({ currentTarget }) => set({ to: currentTarget.value })}
            />
            {text('user', true)}
            {fields.user !== '' && secret(true)}
          </>
        )}
        {kind === 'webhook' && (
          <>
            {text('url')}
            {secret(true)}
            <Checkbox
              label={t('notify.field.local')}
              checked={fields.local}
              onChange={({ currentTarget }) => set({ local: currentTarget.checked })}
            />
          </>
        )}
        {kind === 'syslog' && (
          <>
            {text('host')}
            <Checkbox
              label={t('notify.field.udp')}
              checked={fields.udp}
              onChange={({ currentTarget }) => set({ udp: currentTarget.checked })}
            />
          </>
        )}
        {add.error && <ProblemAlert error={add.error} />}
        <Button type="submit" loading={add.isPending}>
          {t('notify.add')}
        </Button>
      </Stack>
    </form>
  );
}

async function addDestination(kind: (typeof kinds)[number], fields: Fields): Promise<void> {
  const { answer, tag } = await tagged('notificationSettings', {});
  const { settings } = answer;
  const name = fields.name.trim();
  // The server keeps secrets under the names that these fields have.
  const secretName = `console/${name}`;
  const { secret } = fields;
  const destinations = { ...settings?.destinations, [name]: destinationOf(kind, fields, secretName) };
  await call('setNotificationSettings', {
    ifMatch: tag,
    body: {
      settings: { ...settings, destinations },
      ...(secret === '' || kind === 'syslog' ? {} : { secrets: { [secretName]: secret } }),
    },
  });
}

function destinationOf(kind: (typeof kinds)[number], fields: Fields, secretName: string): Destination {
  switch (kind) {
    case 'smtp': {
      const to = fields.to.split('\n').map((line) => line.trim());
      return {
        kind,
        host: fields.host.trim(),
        from: fields.from.trim(),
        to: to.filter((line) => line !== ''),
        ...(fields.user === '' ? {} : { user: fields.user, passwordFile: secretName }),
      };
    }
    case 'webhook':
      return { kind, url: fields.url.trim(), secretFile: secretName, allowLocalAddresses: fields.local };
    case 'syslog':
      return { kind, host: fields.host.trim(), transport: fields.udp ? 'udp' : 'tls' };
  }
}
