import { Button, Group, Stack, Text, Title } from '@mantine/core';
import type { ErrorComponentProps } from '@tanstack/react-router';
import { t } from '@/i18n';
import { ErrorNotice } from '@/ui/feedback';
import { ButtonLink } from '@/ui/links';

/** Where no shell is around it. */
export function NothingThere() {
  return (
    <main id="content">
      <PageNotFound />
    </main>
  );
}

export function PageNotFound() {
  return (
    <Stack maw={520} mx="auto" px="md" py={80} gap="sm" align="flex-start">
      <Title order={1}>{t('shell.notFound.title')}</Title>
      <Text size="md" c="dimmed">
        {t('shell.notFound.text')}
      </Text>
      <ButtonLink to="/" variant="default">
        {t('shell.notFound.home')}
      </ButtonLink>
    </Stack>
  );
}

export function PageError({ error, reset }: ErrorComponentProps) {
  // After an update of the panel the pieces of the old version are gone; loading the page anew gets the new one.
  const outdated = error instanceof Error && /dynamically imported module|Importing a module script/.test(error.message);
  return (
    <Stack maw={520} mx="auto" px="md" py={80} gap="sm" align="stretch">
      <Title order={1}>{t(outdated ? 'shell.outdated.title' : 'shell.error.title')}</Title>
      {outdated ? <Text size="md">{t('shell.outdated.text')}</Text> : <ErrorNotice error={error} />}
      <Group gap="xs">
        <Button onClick={() => (outdated ? location.reload() : reset())}>{t(outdated ? 'shell.outdated.reload' : 'ui.action.retry')}</Button>
        <ButtonLink to="/" variant="default">
          {t('shell.notFound.home')}
        </ButtonLink>
      </Group>
    </Stack>
  );
}
