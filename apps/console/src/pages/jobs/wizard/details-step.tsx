import { Group, NativeSelect, NumberInput, TextInput } from '@mantine/core';
import type { ReactNode } from 'react';
import { useText } from '../../../i18n/language.tsx';
import { KeepFields } from '../keep-fields.tsx';
import type { ChangeDraft, JobDraft } from './job-draft.ts';

const compressions = ['auto', 'off', 'fastest', 'better', 'max'] as const;
const mebibyte = 1024 * 1024;

/** What happens around a backup: tried again, kept, slowed down, scripts. */
export function DetailsStep({
  draft,
  onChange,
}: {
  readonly draft: JobDraft;
  readonly onChange: ChangeDraft;
}): ReactNode {
  const t = useText();
  const { retries, scripts, bandwidth } = draft;
  const script = (name: 'pre' | 'post', value: string): void => {
    const { [name]: _before, ...rest } = scripts;
    onChange({ scripts: value === '' ? rest : { ...rest, [name]: value } });
  };
  const perSecond = bandwidth[0]?.bytesPerSecond;
  return (
    <>
      <Group gap="md" align="flex-start">
        <NumberInput
          label={t('wizard.retries')}
          min={0}
          max={100}
          value={retries.count}
          onChange={(value) => onChange({ retries: { ...retries, count: Number(value) } })}
        />
        <NumberInput
          label={t('wizard.retries.pause')}
          min={1}
          max={1440}
          value={retries.pauseMinutes}
          onChange={(value) => onChange({ retries: { ...retries, pauseMinutes: Number(value) } })}
        />
      </Group>
      <KeepFields
        retention={draft.retention}
        otherwise={t('wizard.keep.repository')}
        onChange={(retention) => onChange({ retention })}
      />
      <Group gap="md" align="flex-start">
        {bandwidth.length <= 1 && (
          <NumberInput
            label={t('wizard.bandwidth')}
            description={t('wizard.bandwidth.hint')}
            min={1}
            value={perSecond === undefined ? '' : perSecond / mebibyte}
            onChange={(value) =>
              onChange({
                bandwidth:
                  value === ''
                    ? []
                    : [{ windows: [], ...bandwidth[0], bytesPerSecond: Math.round(Number(value) * mebibyte) }],
              })
            }
          />
        )}
        <NativeSelect
          label={t('wizard.compression')}
          description={t('wizard.compression.hint')}
          value={draft.compression}
          onChange={({ currentTarget }) =>
            onChange({ compression: compressions.find((one) => one === currentTarget.value) ?? 'auto' })
          }
          data={compressions.map((value) => ({ value, label: t(`wizard.compression.${value}`) }))}
        />
      </Group>
      <Group gap="md" align="flex-start">
        <TextInput
          label={t('wizard.script.pre')}
          description={t('wizard.script.hint')}
          value={scripts.pre ?? ''}
          onChange={({ currentTarget }) => script('pre', currentTarget.value)}
        />
        <TextInput
          label={t('wizard.script.post')}
          description={t('wizard.script.hint')}
          value={scripts.post ?? ''}
          onChange={({ currentTarget }) => script('post', currentTarget.value)}
        />
      </Group>
    </>
  );
}
