import type { Answer, CallArguments, Routes } from '@holdfast/protocol';
import { Button, NativeSelect, Stack, TextInput } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, type SubmitEvent, useState } from 'react';
import { routeQuery, useAction } from '../../api/queries.ts';
import { saveFile } from '../../api/save-file.ts';
import { Card } from '../../components/card.tsx';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import classes from './network.module.css';
import type { Topology } from './topology.ts';

const scopes = ['document', 'host', 'network', 'cloud'] as const;
const shownFiles = 100;
const previewLetters = 20_000;
type Rendering = Answer<'renderPlan'>;

/** The plan as rules of a firewall or a cloud, as a change request or a diagram: the same files as `holdfast ports plan` writes. */
export function Renderings({ topology }: { readonly topology?: Topology }): ReactNode {
  const t = useText();
  const renderers = useQuery(routeQuery('renderers', {}));
  const render = useAction('renderPlan', []);
  const [chosen, setChosen] = useState('');
  const [otherwise, setOtherwise] = useState<'drop' | 'leave'>('drop');
  const [host, setHost] = useState('');
  const [owner, setOwner] = useState('');
  const [expires, setExpires] = useState('');
  const all = renderers.data?.renderers ?? [];
  const renderer = all.find(({ id }) => id === chosen) ?? all.find(({ scope }) => scope === 'document');
  const isRequest = renderer?.id.startsWith('change-request') ?? false;
  const choices = renderer && {
    format: renderer.id,
    otherwise,
    ...(renderer.scope === 'host' && host.trim() !== '' ? { host: host.trim() } : {}),
    ...(isRequest && owner.trim() !== '' ? { owner: owner.trim() } : {}),
    ...(isRequest && expires !== '' ? { expires } : {}),
  };
  // Files of other choices, or of a topology that was changed since, are not what is asked for here.
  const made = isOf(render.variables?.body, { choices, topology }) ? render : undefined;
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (choices) render.mutate({ body: { ...choices, ...(topology === undefined ? {} : { topology }) } });
  };
  return (
    <Card title={t('network.rendering')}>
      {renderers.error && <ProblemAlert error={renderers.error} />}
      <Stack gap="md">
        <form onSubmit={submit} className={classes['fields']}>
          <NativeSelect
            label={t('network.rendering.format')}
            value={renderer?.id ?? ''}
            onChange={({ currentTarget }) => setChosen(currentTarget.value)}
            data={scopes.map((scope) => ({
              group: t(`network.scope.${scope}`),
              items: all.filter((one) => one.scope === scope).map(({ id, title }) => ({ value: id, label: title })),
            }))}
          />
          <NativeSelect
            label={t('network.rendering.otherwise')}
            value={otherwise}
            onChange={({ currentTarget }) => setOtherwise(currentTarget.value === 'leave' ? 'leave' : 'drop')}
            data={[
              { value: 'drop', label: t('network.rendering.drop') },
              { value: 'leave', label: t('network.rendering.leave') },
            ]}
          />
          {renderer?.scope === 'host' && (
            <TextInput
              label={t('network.rendering.host')}
              placeholder={t('network.rendering.every-host')}
              maxLength={253}
              value={host}
              onChange={({ currentTarget }) => setHost(currentTarget.value)}
            />
          )}
          {isRequest && (
            <>
              <TextInput
                label={t('network.rendering.owner')}
                maxLength={200}
                value={owner}
                onChange={({ currentTarget }) => setOwner(currentTarget.value)}
              />
              <TextInput
                type="date"
                label={t('network.rendering.expires')}
                value={expires}
                onChange={({ currentTarget }) => setExpires(currentTarget.value)}
              />
            </>
          )}
          <Button type="submit" loading={render.isPending} disabled={!renderer}>
            {t('network.rendering.make')}
          </Button>
        </form>
        {made?.error && <ProblemAlert error={made.error} />}
        {made?.data && <Files rendering={made.data} />}
      </Stack>
    </Card>
  );
}

type Asked = CallArguments<Routes['renderPlan']>['body'];

/** A topology is changed by making another one. */
function isOf(
  asked: Asked | undefined,
  o: { readonly choices: Omit<Asked, 'topology'> | undefined; readonly topology: Topology | undefined },
): boolean {
  if (!asked) return false;
  const { topology, ...choices } = asked;
  return topology === o.topology && JSON.stringify(choices) === JSON.stringify(o.choices);
}

function Files({ rendering }: { readonly rendering: Rendering }): ReactNode {
  const t = useText();
  const { files, removal, widenings } = rendering;
  const [first] = files;
  const text = first && textOf(first);
  return (
    <div className={classes['files']} role="region" aria-label={t('network.rendering.files')}>
      {widenings.length > 0 && (
        <div>
          <h3 className={classes['part']}>{t('network.rendering.widenings')}</h3>
          <ul className={classes['texts']}>
            {[
              ...new Set(widenings.map(({ host, message }) => (host === undefined ? message : `${host}: ${message}`))),
            ].map((line) => (
              <li key={line}>{line}</li>
            ))}
          </ul>
        </div>
      )}
      <FileButtons files={files} />
      {removal.length > 0 && (
        <>
          <h3 className={classes['part']}>{t('network.rendering.removal')}</h3>
          <FileButtons files={removal} />
        </>
      )}
      {first && text !== undefined && (
        <pre
          className={classes['preview']}
          tabIndex={0}
          role="region"
          aria-label={t('network.rendering.preview', { name: first.path })}
        >
          {text.slice(0, previewLetters)}
        </pre>
      )}
    </div>
  );
}

function FileButtons({ files }: { readonly files: Rendering['files'] }): ReactNode {
  const t = useText();
  return (
    <div className={classes['buttons']}>
      {files.slice(0, shownFiles).map((file) => (
        <Button
          key={file.path}
          size="compact-sm"
          variant="light"
          leftSection={<IconDownload size={15} aria-hidden="true" />}
          aria-label={t('network.rendering.download', { name: file.path })}
          onClick={() => saveFile(file.path, bytesOf(file))}
        >
          {file.path}
        </Button>
      ))}
      {files.length > shownFiles && (
        <p className={classes['tight']}>{t('network.rendering.more', { count: files.length - shownFiles })}</p>
      )}
    </div>
  );
}

/** Of what can be read: a workbook cannot. */
function textOf(file: Rendering['files'][number]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytesOf(file));
  } catch {
    return undefined;
  }
}

function bytesOf({ base64 }: Rendering['files'][number]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
