import type { CatalogueSnapshot } from '@holdfast/protocol';
import { Button, Checkbox, Loader, Modal, Stack } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import { Refusal } from './refusal.tsx';
import classes from './restore-dialog.module.css';
import { type Choices, firstChoices, RestoreForm } from './restore-form.tsx';
import { RestoreOutcome } from './restore-outcome.tsx';
import { type Chosen, canBeNamed, placeOf, type RestoreBody } from './restore-request.ts';
import { refreshMs } from './restore-run-page.tsx';
import { RestoredWhat } from './restored-what.tsx';
import { childOf, shown } from './snapshot-paths.ts';

/** What is to be restored, of which point. */
export interface Wanted {
  readonly point: CatalogueSnapshot;
  readonly chosen: Chosen;
}

/**
 * Where to, and what becomes of what is there: settled before anything is written. Whatever could overwrite or delete something is
 * looked at first, by a dry run on the computer itself.
 */
export function RestoreDialog(o: {
  readonly wanted: Wanted | undefined;
  readonly repository: string;
  readonly isZeroKnowledge: boolean;
  readonly onClose: () => void;
}): ReactNode {
  const t = useText();
  return (
    <Modal
      opened={o.wanted !== undefined}
      onClose={o.onClose}
      size="56rem"
      title={t('restore.dialog')}
      closeButtonProps={{ 'aria-label': t('confirm.cancel') }}
    >
      {o.wanted && <Content {...o} wanted={o.wanted} />}
    </Modal>
  );
}

function Content(o: {
  readonly wanted: Wanted;
  readonly repository: string;
  readonly isZeroKnowledge: boolean;
  readonly onClose: () => void;
}): ReactNode {
  const t = useText();
  const navigate = useNavigate();
  const { point, chosen } = o.wanted;
  const [choices, setChoices] = useState<Choices>(firstChoices);
  const [hasSeenDeletions, setHasSeenDeletions] = useState(false);
  const targetId = choices.computer === 'original' ? point.agentId : choices.other;
  const target = useQuery({
    ...routeQuery('computer', { params: { id: targetId ?? '' } }),
    enabled: targetId !== undefined,
  });
  const look = useAction('createRestore', ['runs']);
  const { mutate: cancel } = useAction('cancelRun', ['runs']);
  const restore = useAction('createRestore', ['runs', 'sessions', 'overview']);
  const body = target.data && bodyOf(o.wanted, choices, { agentId: target.data.id, platform: target.data.platform });
  const asked = body && JSON.stringify(body);
  // What was looked at is worth something only for the same choices.
  const isLookedAt = look.data !== undefined && JSON.stringify({ ...look.variables?.body, dryRun: false }) === asked;
  const lookId = isLookedAt ? look.data?.id : undefined;
  const looked = useQuery({
    ...routeQuery('run', { params: { id: lookId ?? '' } }),
    enabled: lookId !== undefined,
    refetchInterval: ({ state }) => (state.data?.endedAt === undefined ? refreshMs : false),
  });
  const cache = useQueryClient();
  // Nobody waits any more for what was to be looked at with other choices, or in a dialog that is closed.
  useEffect(() => {
    if (lookId === undefined) return undefined;
    const args = { params: { id: lookId } };
    return () => {
      if (cache.getQueryData(routeQuery('run', args).queryKey)?.endedAt === undefined) cancel(args);
    };
  }, [lookId, cache, cancel]);
  const result = looked.data?.result?.kind === 'restore' ? looked.data.result : undefined;
  const deletions = result?.deleted?.count ?? 0;
  const isHarmless = !choices.deletes && (choices.overwrite === 'refuse' || choices.overwrite === 'never');
  const isSettled = isHarmless || (result !== undefined && (deletions === 0 || hasSeenDeletions));
  const unnamed = [chosen.folder, ...chosen.names].filter((name) => !canBeNamed(name));
  const unread = [target, looked].find(({ error }) => error);
  const failure = look.error ?? restore.error;
  const change = (next: Choices): void => {
    setChoices(next);
    setHasSeenDeletions(false);
  };
  return (
    <Stack gap="md">
      <div>
        <RestoredWhat hostname={point.hostname} takenAt={point.takenAt} repository={o.repository} />
        <ul className={classes['chosen']} tabIndex={0} aria-label={t('restore.chosen')}>
          {chosen.names.length === 0 ? (
            <li>{chosen.folder === '/' ? t('restore.everything') : <bdi>{shown(chosen.folder)}</bdi>}</li>
          ) : (
            chosen.names.map((name) => (
              <li key={name}>
                <bdi>{shown(childOf(chosen.folder, name))}</bdi>
              </li>
            ))
          )}
        </ul>
        {unnamed.length > 0 && (
          <p className={classes['warning']}>{t('restore.unnamed', { names: shown(unnamed.join(', ')) })}</p>
        )}
      </div>
      <RestoreForm
        point={point}
        choices={choices}
        onChange={change}
        isZeroKnowledge={o.isZeroKnowledge}
        platform={target.data?.platform}
      />
      {target.data && target.data.state !== 'online' && (
        <p className={classes['warning']}>{t(`restore.target.${target.data.state}`, { name: target.data.hostname })}</p>
      )}
      {target.data && !body && choices.place === 'original' && (
        <p className={classes['warning']}>{t('restore.no-single-place')}</p>
      )}
      <div className={classes['look']} aria-live="polite">
        {lookId !== undefined && looked.data?.endedAt === undefined && !looked.error && (
          <p>
            <Loader size="xs" aria-hidden="true" /> {t('restore.looking', { name: target.data?.hostname ?? '' })}
          </p>
        )}
        {result && <RestoreOutcome result={result} />}
        {looked.data?.way && result && (
          <p className={classes['soft']}>
            {t(`restore.way.${looked.data.way}`, { name: target.data?.hostname ?? '' })}
          </p>
        )}
        {looked.data?.error && <Refusal error={looked.data.error} />}
        {unread && (
          <ProblemAlert
            error={unread.error}
            action={
              <Button size="compact-sm" variant="default" onClick={() => void unread.refetch()}>
                {t('action.try-again')}
              </Button>
            }
          />
        )}
        {failure && <Refusal error={failure} />}
        {deletions > 0 && (
          <Checkbox
            mt="sm"
            checked={hasSeenDeletions}
            onChange={({ currentTarget }) => setHasSeenDeletions(currentTarget.checked)}
            label={t('restore.seen-deletions', { count: deletions })}
          />
        )}
        {!isSettled && !result && lookId === undefined && <p className={classes['soft']}>{t('restore.look.why')}</p>}
      </div>
      <div className={classes['buttons']}>
        <Button
          variant={isSettled ? 'default' : 'filled'}
          disabled={!body || unnamed.length > 0}
          loading={look.isPending}
          onClick={() => body && look.mutate({ body: { ...body, dryRun: true } })}
        >
          {t('restore.look')}
        </Button>
        <Button
          disabled={!body || !isSettled || unnamed.length > 0}
          loading={restore.isPending}
          onClick={() =>
            body &&
            restore.mutate({ body }, { onSuccess: ({ id }) => void navigate({ to: '/restores/$id', params: { id } }) })
          }
        >
          {t('restore.now')}
        </Button>
      </div>
    </Stack>
  );
}

/** Undefined as long as it is not said where to. */
function bodyOf(
  { point, chosen }: Wanted,
  { place, folder, overwrite, verify, deletes }: Choices,
  target: { readonly agentId: string; readonly platform: string },
): RestoreBody | undefined {
  if (place === 'folder' && folder.trim() === '') return undefined;
  const original = target.platform === 'win32' ? 'windows' : 'posix';
  const where = placeOf(chosen, place === 'folder' ? { folder: folder.trim() } : { original });
  return (
    where && {
      repositoryId: point.repositoryId,
      snapshotId: point.id,
      agentId: target.agentId,
      ...where,
      overwrite,
      verify,
      deletes,
      dryRun: false,
    }
  );
}
