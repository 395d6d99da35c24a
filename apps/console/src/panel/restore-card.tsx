import type { PanelPolicy, PanelState, SnapshotFacts } from '@holdfast/protocol';
import { Button, Checkbox, NativeSelect, Radio, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { Card } from '../components/card.tsx';
import { ProblemAlert } from '../components/problem-alert.tsx';
import { useText } from '../i18n/language.tsx';
import { type Chosen, placeOf } from '../pages/restore/restore-request.ts';
import classes from './panel.module.css';
import { ask } from './panel-session.ts';
import { stateQuery } from './panel-state.ts';
import { Task } from './task-list.tsx';

const policies = ['refuse', 'never', 'if-newer', 'if-changed', 'always'] as const;

/** Restores what is chosen on this computer; what harms nothing is chosen first: an empty folder, and every file compared. */
export function RestoreCard(o: {
  readonly state: PanelState;
  readonly policy: PanelPolicy;
  readonly point: SnapshotFacts;
  readonly chosen: Chosen;
}): ReactNode {
  const t = useText();
  const client = useQueryClient();
  const [isOriginal, setIsOriginal] = useState(false);
  const [folder, setFolder] = useState('');
  const [overwrite, setOverwrite] = useState<(typeof policies)[number]>('refuse');
  const [verify, setVerify] = useState(true);
  const { chosen, policy, point } = o;
  const { platform } = o.state.computer;
  const place = placeOf(
    chosen,
    isOriginal ? { original: platform === 'win32' ? 'windows' : 'posix' } : { folder: folder.trim() },
  );
  const begin = useMutation({
    // The id makes it harmless to ask again after an answer that was lost.
    mutationFn: async ({ taskId, dryRun }: { readonly taskId: string; readonly dryRun: boolean }) => {
      if (!place) throw new Error(t('restore.no-single-place'));
      const { target, subfolder, include = [] } = place;
      const what = { taskId, policyId: policy.id, snapshotId: point.id, target, include };
      await ask('restore', { ...what, ...(subfolder === undefined ? {} : { subfolder }), overwrite, verify, dryRun });
    },
    onSettled: () => client.invalidateQueries({ queryKey: stateQuery.queryKey }),
  });
  const task = o.state.tasks.find(({ id }) => id === begin.variables?.taskId);
  const isReady = place !== undefined && place.target !== '' && task?.state !== 'running' && !begin.isPending;
  const start = (dryRun: boolean): void => begin.mutate({ taskId: crypto.randomUUID(), dryRun });
  const what =
    chosen.names.length > 0
      ? t('panel.restore-chosen', { count: chosen.names.length })
      : t('panel.restore-folder', { path: chosen.folder });
  return (
    <Card title={t('kind.restore')}>
      <Stack gap="md">
        <p className={classes['soft']}>{what}</p>
        <Radio.Group
          label={t('restore.to-place')}
          value={isOriginal ? 'original' : 'folder'}
          onChange={(value) => {
            setIsOriginal(value === 'original');
            if (value === 'original' && overwrite === 'refuse') setOverwrite('if-changed');
          }}
        >
          <Stack gap={6} mt={6}>
            <Radio value="folder" label={t('restore.to-place.folder')} />
            <Radio value="original" label={t('restore.to-place.original')} />
          </Stack>
        </Radio.Group>
        {!isOriginal && (
          <TextInput
            label={t('restore.folder')}
            description={t(platform === 'win32' ? 'restore.folder.hint.windows' : 'restore.folder.hint')}
            value={folder}
            onChange={({ currentTarget }) => setFolder(currentTarget.value)}
          />
        )}
        <NativeSelect
          label={t('restore.overwrite')}
          description={t(`restore.overwrite.${overwrite}.hint`)}
          value={overwrite}
          onChange={({ currentTarget: { value } }) =>
            setOverwrite(policies.find((policyOf) => policyOf === value) ?? 'refuse')
          }
          data={policies.map((value) => ({ value, label: t(`restore.overwrite.${value}`) }))}
        />
        <Checkbox
          checked={verify}
          onChange={({ currentTarget }) => setVerify(currentTarget.checked)}
          label={t('restore.verify')}
          description={t('restore.verify.hint')}
        />
        {begin.error && <ProblemAlert error={begin.error} />}
        <div className={classes['buttons']}>
          <Button variant="default" disabled={!isReady} onClick={() => start(true)}>
            {t('restore.look')}
          </Button>
          <Button disabled={!isReady} onClick={() => start(false)}>
            {t('panel.restore')}
          </Button>
        </div>
        {task && (
          <ul className={classes['list']} aria-label={t('panel.this-restore')}>
            <Task task={task} />
          </ul>
        )}
      </Stack>
    </Card>
  );
}
