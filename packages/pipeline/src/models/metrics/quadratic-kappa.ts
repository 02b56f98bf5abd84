import { defineMetric } from "../component.js";

/** Agreement of grades, where far errors weigh more than near ones. */
export const quadraticKappa = defineMetric({
  name: "quadratic_kappa",
  label: "QW kappa",
  source: "Cohen, Psychological Bulletin 70, 1968",
  architecture: "1 - Σ wO / Σ wE, w the squared distance of the grades",
  needsTwoClasses: true,
  isOrdinal: true,
  value: ({ quadraticKappa }) => quadraticKappa,
});
