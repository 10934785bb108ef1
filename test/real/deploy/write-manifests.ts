/** Writes deploy/manifests from the charts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifests, manifestsFolder, plainManifest } from './plain-manifests.ts';

for (const manifest of manifests) writeFileSync(join(manifestsFolder, manifest.file), plainManifest(manifest));
