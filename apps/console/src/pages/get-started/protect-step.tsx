import type { CallArguments, ComputerDetail, Repository, Routes } from '@holdfast/protocol';
import { Button, Checkbox, Group, NativeSelect, Radio, Stack, Textarea, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { useAction } from '../../api/queries.ts';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';

type Target = CallArguments<Routes['createJob']>['body']['target'];

/** A first job: these computers, so much of them, every day, and now. */
export function ProtectStep(o: {
  readonly agents: readonly ComputerDetail[];
  readonly movers: readonly ComputerDetail[];
  readonly repositories: readonly Repository[];
}): ReactNode {
  const t = useText();
  const navigate = useNavigate();
  const [name, setName] = useState(t('protect.name.first'));
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const [scope, setScope] = useState<'computer' | 'folders'>('computer');
  const [folders, setFolders] = useState('');
  const [chosenTarget, setChosenTarget] = useState<string>();
  const [at, setAt] = useState('21:00');
  const create = useAction('createJob', ['jobs', 'computers']);
  const run = useAction('runJob', ['sessions', 'jobs']);
  const targets = targetsOf(o, t);
  const target = targets.find(({ value }) => value === chosenTarget) ?? targets[0];
  const protectedAgents = o.agents.filter(({ id }) => !left.has(id));
  if (o.agents.length === 0 || !target) return <p>{t('protect.nothing-yet')}</p>;
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const paths = folders.split('\n').filter((line) => line.trim() !== '');
    const job = await create.mutateAsync({
      body: {
        name,
        computers: protectedAgents.map(({ id }) => id),
        scope: scope === 'computer' ? { kind: 'computer' } : { kind: 'folders', paths },
        target: target.target,
        schedule: { kind: 'daily', at },
        timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      },
    });
    const session = await run.mutateAsync({ params: { id: job.id }, body: {} });
    await navigate({ to: '/sessions/$id', params: { id: session.id } });
  };
  return (
    <form onSubmit={(event) => void submit(event).catch(() => 'the mutation has it, and it is shown below')}>
      <Stack gap="md">
        <TextInput
          label={t('protect.name')}
          required
          maxLength={200}
          value={name}
          onChange={({ currentTarget }) => setName(currentTarget.value)}
        />
        <Checkbox.Group
          label={t('protect.computers')}
          value={protectedAgents.map(({ id }) => id)}
          onChange={(ids) => setLeft(new Set(o.agents.map(({ id }) => id).filter((id) => !ids.includes(id))))}
        >
          <Stack gap={6} mt={6}>
            {o.agents.map(({ id, hostname }) => (
              <Checkbox key={id} value={id} label={hostname} />
            ))}
          </Stack>
        </Checkbox.Group>
        <Radio.Group
          label={t('protect.scope')}
          value={scope}
          onChange={(value) => setScope(value === 'folders' ? 'folders' : 'computer')}
        >
          <Group gap="lg" mt={6}>
            <Radio value="computer" label={t('protect.scope.computer')} />
            <Radio value="folders" label={t('protect.scope.folders')} />
          </Group>
        </Radio.Group>
        {scope === 'folders' && (
          <Textarea
            label={t('protect.folders')}
            description={t('protect.folders.hint')}
            required
            autosize
            minRows={2}
            value={folders}
            onChange={({ currentTarget }) => setFolders(currentTarget.value)}
          />
        )}
        <Group gap="md" align="flex-start">
          <NativeSelect
            label={t('protect.target')}
            value={target.value}
            onChange={({ currentTarget }) => setChosenTarget(currentTarget.value)}
            data={targets.map(({ value, label }) => ({ value, label }))}
          />
          <TextInput
            type="time"
            label={t('protect.at')}
            required
            value={at}
            onChange={({ currentTarget }) => setAt(currentTarget.value)}
          />
        </Group>
        {(create.error ?? run.error) && <ProblemAlert error={create.error ?? run.error} />}
        <div>
          <Button type="submit" loading={create.isPending || run.isPending} disabled={protectedAgents.length === 0}>
            {t('protect.submit')}
          </Button>
        </div>
      </Stack>
    </form>
  );
}

/** The repositories that there are, then a repository of its own for each computer, which no other computer can read. */
function targetsOf(
  o: { readonly movers: readonly ComputerDetail[]; readonly repositories: readonly Repository[] },
  t: ReturnType<typeof useText>,
): readonly { readonly value: string; readonly label: string; readonly target: Target }[] {
  return [
    ...o.repositories
      .filter(({ zeroKnowledge }) => !zeroKnowledge)
      .map(({ id, name }) => ({ value: id, label: name, target: { kind: 'shared', repositoryId: id } as const })),
    ...o.movers.map(({ id, hostname }) => ({
      value: `own ${id}`,
      label: t('protect.target.own', { mover: hostname }),
      target: { kind: 'own', moverId: id } as const,
    })),
  ];
}
