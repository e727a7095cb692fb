# A Homebrew formula: `brew install --build-from-source ./dist/homebrew/sprat.rb`, with the address and sum of a release filled in.
class Sprat < Formula
  desc "Swarm file-sharing node: every machine nearby fetches from everyone who has a piece"
  homepage "https://example.org/sprat"
  url "https://example.org/sprat/sprat-0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "MIT"

  depends_on "rust" => :build

  def install
    system "cargo", "install", *std_cargo_args
    system bin/"sprat", "manual", buildpath/"man"
    man1.install Dir["man/*.1"]
    man5.install Dir["man/*.5"]
    man7.install Dir["man/*.7"]
    generate_completions_from_executable(bin/"sprat", "completions")
  end

  service do
    run [opt_bin/"sprat", "--home", "#{Dir.home}/sprat", "serve"]
    keep_alive crashed: true
  end

  test do
    assert_match "sprat #{version}", shell_output("#{bin}/sprat --version")
  end
end
