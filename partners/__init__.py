"""What partners and the engineer of impact.com are told: posting instructions, contract, OpenAPI, simulator."""
