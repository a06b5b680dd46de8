// One configuration for both examples: `npx vite --config ../vite.config.mjs` in either folder; a Reddot server on another port
// is named by ?server=http://127.0.0.1:7777.
import vue from "@vitejs/plugin-vue";

export default {
  plugins: [vue({ template: { compilerOptions: { isCustomElement: (tag) => tag === "reddot-bell" } } })],
  build: { outDir: "dist", emptyOutDir: true },
};
