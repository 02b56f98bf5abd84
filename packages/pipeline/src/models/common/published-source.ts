/** The source of the models of the published system, whose parameter names are kept. */
export const published = "Garg, Garg, Duncan, Electronics 14(13), 2571, 2025";
