# A book of patients in two services: one that users talk to, and one that keeps the lines.
# Version 2 keeps what is new in memory, says that it is stored, and writes it when it is stopped.
use strict;
use warnings;
use IO::Socket::INET;

my ($role) = @ARGV;
my $file = "/data/records";

sub ask {
    my ($host, $line) = @_;
    my $peer = IO::Socket::INET->new(PeerAddr => "$host:7000", Timeout => 2) or return "NO way\n";
    local $SIG{ALRM} = sub { die "late\n" };
    my $answer = eval {
        alarm 5;
        print $peer "$line\n";
        my $said = join "", <$peer>;
        alarm 0;
        $said;
    };
    alarm 0;
    return $answer || "NO answer\n";
}

if ($role eq "ready") {
    exit(ask("127.0.0.1", "LIST") =~ /^NO/ ? 1 : 0);
}

sub keep {
    my ($line) = @_;
    my $size = -s $file // 0;
    open(my $out, ">>", $file) or return "NO $!\n";
    my $written = syswrite($out, "$line\n");
    return "OK\n" if defined $written && $written == length("$line\n");
    truncate($out, $size);
    return "NO room\n";
}

sub kept {
    open(my $in, "<", $file) or return "END\n";
    return join("", <$in>) . "END\n";
}

open(my $release, "<", "/srv/version") or die;
chomp(my $version = <$release>);
my %unwritten;
$SIG{TERM} = sub {
    ask("db", "PUT $_ $unwritten{$_}") for sort keys %unwritten;
    exit 0;
};

sub answer {
    my ($line) = @_;
    return time() . "\n" if $line eq "TIME";
    if ($role eq "db") {
        return $line =~ /^PUT (.*)/ ? keep($1) : kept();
    }
    if ($version eq "2" && $line =~ /^PUT (\S+) (.*)/) {
        $unwritten{$1} = $2;
        return "OK\n";
    }
    my $said = ask("db", $line);
    return $said if $line ne "LIST" || $said =~ /^NO/;
    return join("", map { "$_ $unwritten{$_}\n" } sort keys %unwritten) . $said;
}

my $door = IO::Socket::INET->new(LocalPort => 7000, Listen => 20, ReuseAddr => 1) or die;
$SIG{PIPE} = "IGNORE";
$| = 1;
print "$role $version\n";
while (1) {
    my $user = $door->accept or next;
    my $line = <$user> // "";
    $line =~ s/\s+$//;
    print $user answer($line);
    close $user;
}
