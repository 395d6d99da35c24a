import type { ComputerDetail, Repository } from '@holdfast/protocol';
import { Button, Group, NativeSelect, Stack, TextInput } from '@mantine/core';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { useAction } from '../../api/queries.ts';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';

/** A repository at one of the data movers. */
export function RepositoryStep(o: {
  readonly movers: readonly ComputerDetail[];
  readonly repositories: readonly Repository[];
}): ReactNode {
  const t = useText();
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<string>();
  const create = useAction('createRepository', ['repositories']);
  const moverId = chosen ?? o.movers[0]?.id;
  if (moverId === undefined) return <p>{t('repository.no-mover')}</p>;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    create.mutate({ body: { name, moverId } }, { onSuccess: () => setName('') });
  };
  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {o.repositories.length > 0 && (
          <p>{t('repository.there', { names: o.repositories.map((one) => one.name).join(', ') })}</p>
        )}
        <Group align="flex-end" gap="sm">
          <TextInput
            label={t('repository.name')}
            required
            pattern="[a-z0-9][a-z0-9\-]{0,62}"
            title={t('repository.name.hint')}
            placeholder="backups"
            value={name}
            onChange={({ currentTarget }) => setName(currentTarget.value)}
          />
          <NativeSelect
            label={t('repository.mover')}
            value={moverId}
            onChange={({ currentTarget }) => setChosen(currentTarget.value)}
            data={o.movers.map(({ id, hostname }) => ({ value: id, label: hostname }))}
          />
          <Button type="submit" loading={create.isPending}>
            {t('repository.create')}
          </Button>
        </Group>
        {create.error && <ProblemAlert error={create.error} />}
      </Stack>
    </form>
  );
}
