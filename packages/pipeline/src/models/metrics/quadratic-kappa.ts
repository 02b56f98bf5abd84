import { defineMetric } from "../component.js";

/** Agreement of ordered classes, in which distant errors weigh more than near ones. */
export const quadraticKappa = defineMetric({
  name: "quadratic_kappa",
  label: "QW kappa",
  source: "Cohen, Psychological Bulletin 70, 1968",
  architecture: "1 - Σ wO / Σ wE, with w the squared distance of the classes",
  needsTwoClasses: true,
  isOrdinal: true,
  value: ({ quadraticKappa }) => quadraticKappa,
});
