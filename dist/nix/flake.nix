# `nix build ./dist/nix` from a checkout, or `nix run`.
{
  description = "sprat: a swarm file-sharing node";
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";
  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      each = f: nixpkgs.lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
    in {
      packages = each (pkgs: {
        default = pkgs.rustPlatform.buildRustPackage {
          pname = "sprat";
          version = "0.1.0";
          src = ../..;
          cargoLock.lockFile = ../../Cargo.lock;
          nativeBuildInputs = [ pkgs.installShellFiles pkgs.cmake ];
          # They want networks of their own.
          doCheck = false;
          postInstall = ''
            $out/bin/sprat manual man
            installManPage man/*
            installShellCompletion --cmd sprat \
              --bash <($out/bin/sprat completions bash) \
              --zsh <($out/bin/sprat completions zsh) \
              --fish <($out/bin/sprat completions fish)
          '';
          meta.mainProgram = "sprat";
        };
      });
    };
}
