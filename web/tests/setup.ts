import { areas, loadTexts } from '@/i18n';

await Promise.all(areas.map(loadTexts));
