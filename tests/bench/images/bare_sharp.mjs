// The bare work by sharp: as bare.py, `node bare_sharp.mjs SHARP COUNT OUT FILE…`. SHARP is the installed module's folder.
import { createRequire } from "node:module";
import { readFile, writeFile } from "node:fs/promises";

const [module, count, out, ...files] = process.argv.slice(2);
const sharp = createRequire(import.meta.url)(module);
sharp.concurrency(1); // processes are the concurrency, as everywhere here
sharp.cache(false);

const make = async (file) =>
  sharp(await readFile(file))
    .autoOrient()
    .resize(800, 600, { fit: "inside", withoutEnlargement: true })
    .jpeg({ quality: 85 })
    .toBuffer();

await make(files[0]); // the first one loads codecs
const began = process.hrtime.bigint();
const cpu = process.cpuUsage();
for (let number = 0; number < count; number++) {
  await writeFile(`${out}/${process.pid}-${number}.jpg`, await make(files[number % files.length]));
}
const used = process.cpuUsage(cpu);
console.log(
  JSON.stringify({
    seconds: Number(process.hrtime.bigint() - began) / 1e9,
    cpu_seconds: (used.user + used.system) / 1e6,
    images: Number(count),
  }),
);
